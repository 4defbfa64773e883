"""The shop: its stack, a construct for each context."""
