"""Asks the carrier to take the goods, and waits for its answer."""
