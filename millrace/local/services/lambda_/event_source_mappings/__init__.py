"""Event source mappings: Lambda polls queues and streams."""

from millrace.local.services.lambda_.event_source_mappings.mappings import EventSourceMappings

__all__ = ["EventSourceMappings"]
