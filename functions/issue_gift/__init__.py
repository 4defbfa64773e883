"""Issues the gift of a tier."""
