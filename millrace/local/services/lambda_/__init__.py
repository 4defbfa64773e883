"""AWS Lambda: functions, how they are invoked, and their event source mappings."""

from millrace.local.services.lambda_.invoke import MOST_REQUEST_BYTES
from millrace.local.services.lambda_.outcomes import display_name
from millrace.local.services.lambda_.service import Lambda

SERVICE = Lambda

__all__ = ["MOST_REQUEST_BYTES", "Lambda", "display_name"]
