"""The stack of the shop, with one construct per context."""
