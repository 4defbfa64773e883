"""Notifies customers by post of completed and rejected orders."""
