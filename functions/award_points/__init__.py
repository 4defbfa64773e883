"""Awards points for completed orders."""
