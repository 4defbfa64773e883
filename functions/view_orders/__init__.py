"""Maintains the read model of orders."""
