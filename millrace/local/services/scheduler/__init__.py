"""Amazon EventBridge Scheduler."""

from millrace.local.services.scheduler.schedules import EventBridgeScheduler

SERVICE = EventBridgeScheduler

__all__ = ["EventBridgeScheduler"]
