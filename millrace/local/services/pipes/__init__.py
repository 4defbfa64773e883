"""Amazon EventBridge Pipes."""

from millrace.local.services.pipes.service import Pipes

SERVICE = Pipes

__all__ = ["Pipes"]
