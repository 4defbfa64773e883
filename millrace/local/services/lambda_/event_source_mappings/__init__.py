"""Event source mappings: Lambda's pollers of queues and streams."""

from millrace.local.services.lambda_.event_source_mappings.mappings import EventSourceMappings

__all__ = ["EventSourceMappings"]
