"""Channels: how events get from the bus to a function."""
