"""The shop: what runs in Lambda."""
