"""Programs that the benchmark starts as processes. They import only the stack."""
