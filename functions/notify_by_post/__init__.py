"""Tells customers by post how their orders ended."""
