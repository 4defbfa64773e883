"""The part of Millrace that runs in Lambda. Outside Lambda, importing it creates no AWS client."""

from millrace.runtime.api import Page, Paging, Query, query
from millrace.runtime.batch_views import BatchView, BatchViewError, batch_view
from millrace.runtime.breaker import breaker
from millrace.runtime.callbacks import Callback
from millrace.runtime.declaration import Declaration, SignatureError
from millrace.runtime.effects import UnknownCauseError
from millrace.runtime.event_store import EventStore
from millrace.runtime.layers import ServingView, SpeedView
from millrace.runtime.processor import Processor, UndeclaredEventError, processor
from millrace.runtime.projection import Projection, projection
from millrace.runtime.publisher import Publisher, PublishError
from millrace.runtime.read_models import ReadModel, View
from millrace.runtime.records import InProgressError
from millrace.runtime.requeue import DependencyUnavailableError
from millrace.runtime.step import Step, step
from millrace.runtime.stores import Table, update_once, write_if
from millrace.runtime.stream import (
    Percentiles,
    PutRecordsError,
    Reading,
    ReadingError,
    StreamProcessor,
    StreamProducer,
    Window,
    stream_processor,
)
from millrace.runtime.streams import ConcurrencyError

__all__ = [
    "BatchView",
    "BatchViewError",
    "Callback",
    "ConcurrencyError",
    "Declaration",
    "DependencyUnavailableError",
    "EventStore",
    "InProgressError",
    "Page",
    "Paging",
    "Percentiles",
    "Processor",
    "Projection",
    "PublishError",
    "Publisher",
    "PutRecordsError",
    "Query",
    "ReadModel",
    "Reading",
    "ReadingError",
    "ServingView",
    "SignatureError",
    "SpeedView",
    "Step",
    "StreamProcessor",
    "StreamProducer",
    "Table",
    "UndeclaredEventError",
    "UnknownCauseError",
    "View",
    "Window",
    "batch_view",
    "breaker",
    "processor",
    "projection",
    "query",
    "step",
    "stream_processor",
    "update_once",
    "write_if",
]
