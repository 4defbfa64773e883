"""Records of a delivery stream, buffered until a size or an interval is reached.

https://docs.aws.amazon.com/firehose/latest/dev/buffering-hints.html
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from millrace.local.core.scheduler import ScheduledAction, Scheduler

MIB = 1024 * 1024


@dataclass(frozen=True)
class Hints:
    """The size in bytes and the interval in seconds, of which the first that is reached ends the buffering."""

    size: int
    seconds: float


@dataclass(frozen=True)
class Record:
    """One record. `arrived` is in seconds since 1970; `metadata` has its shard and number in a source stream."""

    data: bytes
    arrived: float
    metadata: Mapping[str, Any] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


class Buffer:
    """Collects records. `flush` gets them when a hint is reached."""

    def __init__(
        self, scheduler: Scheduler, what: str, hints: Callable[[], Hints], flush: Callable[[Sequence[Record]], None]
    ) -> None:
        self._scheduler = scheduler
        self._what = what
        self._hints = hints
        self._flush = flush
        self._records: list[Record] = []
        self._size = 0
        self._due: ScheduledAction | None = None

    def add(self, record: Record) -> None:
        """Add a record."""
        hints = self._hints()
        if self._due is None:
            self._due = self._scheduler.after(hints.seconds, self._send, self._what)
        self._records.append(record)
        self._size += len(record.data)
        if self._size >= hints.size:
            self._send()

    def drop(self) -> None:
        """Drop all records."""
        if self._due:
            self._scheduler.cancel(self._due)
        self._records, self._size, self._due = [], 0, None

    def _send(self) -> None:
        records = self._records
        self.drop()
        self._flush(records)
