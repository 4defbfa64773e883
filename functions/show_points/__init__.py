"""Shows the points of a customer."""
