"""The Lambda functions of the shop."""
