"""What is said at the inn."""
