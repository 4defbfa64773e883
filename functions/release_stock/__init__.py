"""Gives the goods of an order back."""
