"""The events of the shop, a module for each context."""
