"""AWS Lambda: functions, how they are invoked, and their event source mappings."""

from millrace.local.services.lambda_.event_source_mappings import (
    REPORTS,
    Condition,
    Entry,
    KinesisReader,
    Pollers,
    QueuePoller,
    StreamPoller,
    compile_filters,
    failed_items,
)
from millrace.local.services.lambda_.invoke import INVOKE, MAX_REQUEST_BYTES, payload_limit, payload_too_large
from millrace.local.services.lambda_.outcomes import display_name, error_of, service_error
from millrace.local.services.lambda_.service import Lambda

SERVICE = Lambda

__all__ = [
    "INVOKE",
    "MAX_REQUEST_BYTES",
    "REPORTS",
    "Condition",
    "Entry",
    "KinesisReader",
    "Lambda",
    "Pollers",
    "QueuePoller",
    "StreamPoller",
    "compile_filters",
    "display_name",
    "error_of",
    "failed_items",
    "payload_limit",
    "payload_too_large",
    "service_error",
]
