"""Amazon EventBridge: buses, rules, archives, replays, scheduled rules and API destinations."""

from millrace.local.services.eventbridge.connections import (
    HttpRequest,
    HttpResponse,
    NotLoopbackError,
    key_headers,
    parse_loopback_url,
    send,
)
from millrace.local.services.eventbridge.put_events import new_envelope
from millrace.local.services.eventbridge.rule_delivery import retry_policy
from millrace.local.services.eventbridge.service import EventBridge
from millrace.local.services.eventbridge.target_input import InputTransformError, compact, fill

SERVICE = EventBridge

__all__ = [
    "EventBridge",
    "HttpRequest",
    "HttpResponse",
    "InputTransformError",
    "NotLoopbackError",
    "compact",
    "fill",
    "key_headers",
    "new_envelope",
    "parse_loopback_url",
    "retry_policy",
    "send",
]
