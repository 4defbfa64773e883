"""Reserves the stock of an order."""
