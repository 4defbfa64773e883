"""Amazon CloudWatch Logs."""

from millrace.local.services.logs.service import Logs

SERVICE = Logs

__all__ = ["Logs"]
