"""Testing a project's flows: pytest finds the fixtures of `millrace.testing.plugin` by itself."""
