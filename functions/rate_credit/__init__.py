"""Rates the credit of customers."""
