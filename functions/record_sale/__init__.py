"""Records completed orders for the sales views."""
