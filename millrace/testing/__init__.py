"""Test support for projects. pytest loads the fixtures of `millrace.testing.plugin` automatically."""
