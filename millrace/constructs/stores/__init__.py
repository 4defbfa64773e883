"""Tables, event stores, read models, and change notification."""
