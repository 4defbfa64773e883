"""Shared code of the local cloud's services."""
