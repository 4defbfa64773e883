"""The events that the supplier consumes."""
