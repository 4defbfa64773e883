"""Amazon EventBridge: buses, rules, archives, replays, scheduled rules and API destinations."""

from millrace.local.services.eventbridge.service import EventBridge

SERVICE = EventBridge

__all__ = ["EventBridge"]
