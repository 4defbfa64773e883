"""Failure handling: strategies, dead letters, failed stream records, circuit breakers."""
