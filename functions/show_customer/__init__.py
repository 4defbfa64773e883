"""Shows a customer."""
