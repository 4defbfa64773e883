"""AWS Lambda: functions, how they are invoked, and their event source mappings."""

from millrace.local.services.lambda_.invoke import INVOKE, MAX_REQUEST_BYTES, payload_limit, payload_too_large
from millrace.local.services.lambda_.outcomes import display_name
from millrace.local.services.lambda_.service import Lambda

SERVICE = Lambda

__all__ = ["INVOKE", "MAX_REQUEST_BYTES", "Lambda", "display_name", "payload_limit", "payload_too_large"]
