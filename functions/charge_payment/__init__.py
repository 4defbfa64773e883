"""Charges the customer's card."""
