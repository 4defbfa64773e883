"""Mediators and sagas on Step Functions."""
