"""Tables, event stores, and read models."""
