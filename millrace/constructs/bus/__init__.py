"""The event bus: archive, policy, rules, claim check, schema registry, encryption, subscribers."""
