"""Adds delivered goods to the stock."""
