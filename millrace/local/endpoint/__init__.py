"""The HTTP endpoint on loopback."""
