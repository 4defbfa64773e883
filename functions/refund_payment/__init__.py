"""Refunds the payment of an order."""
