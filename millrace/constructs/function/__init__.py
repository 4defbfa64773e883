"""Lambda functions: processors, handlers, code assets, and the shared layer."""
