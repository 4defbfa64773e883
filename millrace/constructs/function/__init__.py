"""Lambda functions and processors."""
