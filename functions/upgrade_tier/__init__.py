"""Upgrades customers to the tier of their points."""
