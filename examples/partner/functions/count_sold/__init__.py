"""Counts what the shop sells."""
