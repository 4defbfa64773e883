"""Maintains the read model of customers."""
