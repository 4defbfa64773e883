"""Hands the goods to the carrier."""
