"""Amazon Data Firehose."""

from millrace.local.services.firehose.service import Firehose

SERVICE = Firehose

__all__ = ["Firehose"]
