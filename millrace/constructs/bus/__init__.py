"""The event bus and what belongs to it."""
