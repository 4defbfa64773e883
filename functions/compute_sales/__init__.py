"""Computes the sales of a day."""
