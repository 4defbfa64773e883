"""Takes orders in."""
