"""Amazon Kinesis Data Streams."""

from millrace.local.services.kinesis.service import Kinesis

SERVICE = Kinesis

__all__ = ["Kinesis"]
