"""Tells customers by mail how their orders ended."""
