"""Mediators and sagas on Step Functions, and callbacks."""
