"""What runs in Lambda. Importing it touches neither AWS nor the environment."""

from millrace.runtime.api import Page, Paging, Query, query
from millrace.runtime.breaker import breaker
from millrace.runtime.callbacks import Callback
from millrace.runtime.declaration import Declaration, UnclearSignature
from millrace.runtime.effects import UnknownCauseError
from millrace.runtime.event_store import EventStore
from millrace.runtime.idempotency import StillInProgress
from millrace.runtime.processor import Processor, UndeclaredEvent, processor
from millrace.runtime.projection import Projection, projection
from millrace.runtime.publisher import Publisher, PublishFailed
from millrace.runtime.read_models import ReadModel, View
from millrace.runtime.step import Step, step
from millrace.runtime.stores import Table, update_once, write_if
from millrace.runtime.streams import Conflict
from millrace.runtime.waiting import Waits

__all__ = [
    "Callback",
    "Conflict",
    "Declaration",
    "EventStore",
    "Page",
    "Paging",
    "Processor",
    "Projection",
    "PublishFailed",
    "Publisher",
    "Query",
    "ReadModel",
    "Step",
    "StillInProgress",
    "Table",
    "UnclearSignature",
    "UndeclaredEvent",
    "UnknownCauseError",
    "View",
    "Waits",
    "breaker",
    "processor",
    "projection",
    "query",
    "step",
    "update_once",
    "write_if",
]
