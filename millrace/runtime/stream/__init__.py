"""Streams: readings, tumbling windows of event time, and the producer."""

from millrace.runtime.stream.handler import StreamProcessor, stream_processor
from millrace.runtime.stream.producer import PutRecordsError, StreamProducer
from millrace.runtime.stream.readings import Percentiles, Reading, ReadingError
from millrace.runtime.stream.windows import Window

__all__ = [
    "Percentiles",
    "PutRecordsError",
    "Reading",
    "ReadingError",
    "StreamProcessor",
    "StreamProducer",
    "Window",
    "stream_processor",
]
