"""Alarms, dashboards, logs, and acknowledged findings."""
