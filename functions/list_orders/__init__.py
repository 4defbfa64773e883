"""Lists orders."""
