"""The local cloud: the deployed template, running on a developer's machine; `millrace.local.cloud` has its class."""
