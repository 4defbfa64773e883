"""Event source mappings: Lambda polls queues and streams. EventBridge Pipes uses the same pollers."""

from millrace.local.services.lambda_.event_source_mappings.batches import REPORTS, Condition, failed_items
from millrace.local.services.lambda_.event_source_mappings.filters import compile_filters
from millrace.local.services.lambda_.event_source_mappings.mappings import EventSourceMappings
from millrace.local.services.lambda_.event_source_mappings.pollers import Pollers
from millrace.local.services.lambda_.event_source_mappings.queue_poller import QueuePoller
from millrace.local.services.lambda_.event_source_mappings.readers import Entry, KinesisReader
from millrace.local.services.lambda_.event_source_mappings.stream_poller import StreamPoller

__all__ = [
    "REPORTS",
    "Condition",
    "Entry",
    "EventSourceMappings",
    "KinesisReader",
    "Pollers",
    "QueuePoller",
    "StreamPoller",
    "compile_filters",
    "failed_items",
]
