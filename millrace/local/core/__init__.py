"""What every service of the local cloud shares."""
