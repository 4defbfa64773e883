"""The supplier."""
