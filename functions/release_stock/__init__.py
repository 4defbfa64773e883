"""Releases the stock that an order has reserved."""
