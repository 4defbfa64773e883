"""Rejects an order."""
