"""Alarms, dashboards, event logs, flow checks at synth, and acknowledged findings."""
