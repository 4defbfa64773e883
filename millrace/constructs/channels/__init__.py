"""Channels between the bus and a function."""
