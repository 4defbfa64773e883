"""Completes an order."""
