"""Rates the credit of customers by their orders."""
