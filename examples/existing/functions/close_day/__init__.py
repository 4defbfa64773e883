"""The Lambda functions of the supplier."""
