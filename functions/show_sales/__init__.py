"""Shows the sales of a week."""
