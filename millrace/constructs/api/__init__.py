"""HTTP APIs: commands, queries, event ingress, and callbacks."""
