"""Stream processors and their sources."""
