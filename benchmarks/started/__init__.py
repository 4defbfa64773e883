"""What the benchmark starts as processes of their own. Imports nothing of the benchmark but the stack."""
