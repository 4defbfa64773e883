"""Amazon EventBridge schema registries."""
