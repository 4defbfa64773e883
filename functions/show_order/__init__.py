"""Shows an order."""
