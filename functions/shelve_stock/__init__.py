"""Puts delivered goods on the shelves."""
