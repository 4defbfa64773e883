"""Sets the goods of an order aside."""
