"""Requests shipping from the carrier and waits for its callback."""
