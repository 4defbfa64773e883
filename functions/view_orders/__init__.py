"""Keeps the view of orders."""
