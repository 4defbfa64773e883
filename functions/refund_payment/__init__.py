"""Gives the customer the money back."""
