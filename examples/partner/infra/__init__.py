"""The supplier: its stack."""
