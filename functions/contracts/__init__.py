"""The events of the shop, one module per context."""
