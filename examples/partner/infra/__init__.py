"""The stack of the supplier."""
