"""Notifies customers by email of completed and rejected orders."""
