"""Keeps the view of customers."""
