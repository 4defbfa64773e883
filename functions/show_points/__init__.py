"""Shows points."""
