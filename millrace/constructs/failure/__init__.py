"""Failure handling: strategies, dead letters, circuit breakers."""
