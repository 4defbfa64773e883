"""In-memory message store of one SQS queue.

Receiving, deleting and counting take O(log n). moto scans and rebuilds a list for each call: 10,000 messages take
minutes.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import Any

_TRACE_HEADER = "AWSTraceHeader"
"""The system attribute of a message that contains its X-Ray trace header."""
REMEMBERED_RECEIPTS = 20_000
"""Receipt handles of deleted messages to remember, because deleting a message twice is not an error."""


@dataclass(eq=False)
class StoredMessage:
    """A message and its delivery state. Times are in milliseconds since 1970."""

    number: int
    group: "MessageGroup"
    message: Any
    visible_at: float = 0.0
    received_at: float = 0.0
    ready: bool = False
    in_flight: bool = False
    receipts: list[str] = field(default_factory=list)


@dataclass(eq=False)
class MessageGroup:
    """Messages in delivery order: one FIFO message group, or all messages of a standard queue."""

    id: str | None
    ready: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    """Heap of messages of a FIFO group that may be in flight."""
    size: int = 0


class MessageStore:
    """The messages of one queue, in delivery order. Callers hold `lock`."""

    def __init__(self, queue: Any, now: Callable[[], float], messages: Iterable[Any] = ()) -> None:
        self.lock: threading.Condition = queue._messages_lock  # noqa: SLF001 - moto's
        self.now = now
        self._queue = queue
        self._last_number = 0
        self._stored: dict[int, StoredMessage] = {}
        self._by_receipt: dict[str, StoredMessage] = {}
        self._deleted_receipts: OrderedDict[str, None] = OrderedDict()
        self._groups: dict[str | None, MessageGroup] = {}
        self._deliverable: list[tuple[int, str | None]] = []  # heap of (first ready number, group id); may be stale
        self._invisible: list[tuple[float, int]] = []  # heap of (visible_at, number); may be stale
        self._ready = self._in_flight = 0
        for message in messages:
            self.add(message)

    def __iter__(self) -> Iterator[Any]:
        return iter([stored.message for stored in self._stored.values()])

    def __len__(self) -> int:
        return len(self._stored)

    def add(self, message: Any) -> None:
        """Add a message to the end."""
        self._last_number += 1
        group_id = message.group_id if self._queue.fifo_queue else None
        group = self._groups.setdefault(group_id, MessageGroup(group_id))
        stored = message.millrace_stored = StoredMessage(self._last_number, group, message)
        self._stored[stored.number] = stored
        group.size += 1
        if message.delayed_until > self.now():
            self._hide_until(stored, message.delayed_until)
        else:
            self._make_visible(stored)

    append = add

    def remove(self, message: Any) -> None:
        """Delete a message."""
        stored: StoredMessage = message.millrace_stored
        if self._stored.pop(stored.number, None) is None:
            return
        self._clear_state(stored)
        stored.group.size -= 1
        if not stored.group.size:
            del self._groups[stored.group.id]
        for receipt in stored.receipts:
            self._by_receipt.pop(receipt, None)
            self._deleted_receipts[receipt] = None
        while len(self._deleted_receipts) > REMEMBERED_RECEIPTS:
            self._deleted_receipts.popitem(last=False)

    def find(self, receipt: str) -> Any | None:
        """Return the message of a receipt handle."""
        stored = self._by_receipt.get(receipt)
        return stored.message if stored else None

    def was_deleted(self, receipt: str) -> bool:
        """Return whether the message of a receipt handle was deleted."""
        return receipt in self._deleted_receipts

    def peek(self) -> Any | None:
        """Return the next visible message without receiving it."""
        self._make_due_messages_visible()
        while self._deliverable:
            number, group_id = self._deliverable[0]
            group = self._groups.get(group_id)
            if group and self._first(group) == number:
                return self._stored[number].message
            heappop(self._deliverable)
        return None

    def peek_after(self, message: Any) -> Any | None:
        """Return the next message of the FIFO group of a message that was just claimed."""
        group: MessageGroup = message.millrace_stored.group
        number = self._first(group) if group.id is not None else None
        return None if number is None else self._stored[number].message

    def claim(self, message: Any) -> None:
        """Make a message unavailable until `receive` puts it in flight, so that a call receives it once."""
        stored: StoredMessage = message.millrace_stored
        stored.visible_at = inf
        self._clear_state(stored)

    def receive(self, message: Any, receipt: str, visible_at: float) -> None:
        """Put a claimed message in flight until `visible_at`, under a receipt handle."""
        stored: StoredMessage = message.millrace_stored
        stored.receipts.append(receipt)
        self._by_receipt[receipt] = stored
        stored.in_flight, stored.received_at = True, self.now()
        if stored.group.id is not None:
            heappush(stored.group.received, stored.number)
        self._in_flight += 1
        self._hide_until(stored, visible_at)

    def is_current(self, receipt: str) -> bool:
        """Return whether a receipt handle is the newest one of a message in flight."""
        self._make_due_messages_visible()
        stored = self._by_receipt.get(receipt)
        return stored is not None and stored.in_flight and stored.receipts[-1] == receipt

    def change_visibility(self, message: Any, visible_at: float) -> None:
        """Change when a message in flight becomes visible again."""
        stored: StoredMessage = message.millrace_stored
        if stored.in_flight:
            self._hide_until(stored, visible_at)

    def next_visible_at(self) -> float | None:
        """Return when the next message becomes visible: 0 if one is visible now, None if none will."""
        with self.lock:
            if self.peek() is not None:
                return 0.0
            return self._invisible[0][0] if self._invisible else None

    def counts(self) -> tuple[int, int, int]:
        """Return ApproximateNumberOfMessages, …NotVisible and …Delayed."""
        with self.lock:
            self._make_due_messages_visible()
            return self._ready, self._in_flight, len(self._stored) - self._ready - self._in_flight

    def _hide_until(self, stored: StoredMessage, visible_at: float) -> None:
        stored.visible_at = visible_at
        heappush(self._invisible, (visible_at, stored.number))

    def _make_due_messages_visible(self) -> None:
        now = self.now()
        while self._invisible and (self._invisible[0][0] <= now or self._is_stale(*self._invisible[0])):
            visible_at, number = heappop(self._invisible)
            if not self._is_stale(visible_at, number):
                self._clear_state(self._stored[number])
                self._make_visible(self._stored[number])

    def _is_stale(self, visible_at: float, number: int) -> bool:
        stored = self._stored.get(number)
        return stored is None or stored.ready or stored.visible_at != visible_at

    def _make_visible(self, stored: StoredMessage) -> None:
        stored.ready = True
        self._ready += 1
        heappush(stored.group.ready, stored.number)
        self._offer(stored.group)

    def _clear_state(self, stored: StoredMessage) -> None:
        self._ready -= stored.ready
        self._in_flight -= stored.in_flight
        stored.ready = stored.in_flight = False
        self._offer(stored.group)

    def _offer(self, group: MessageGroup) -> None:
        """Make the first message of a group deliverable. `peek` drops stale offers."""
        first = self._first(group)
        if first is not None and self._deliverable[:1] != [(first, group.id)]:
            heappush(self._deliverable, (first, group.id))

    def _first(self, group: MessageGroup) -> int | None:
        """Return the first visible message of a group. A FIFO group delivers none behind a message in flight.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
        """
        while group.ready and not self._has(group.ready[0], "ready"):
            heappop(group.ready)
        while group.received and not self._has(group.received[0], "in_flight"):
            heappop(group.received)
        if not group.ready or (group.received and group.received[0] < group.ready[0]):
            return None
        return group.ready[0]

    def _has(self, number: int, state: str) -> bool:
        stored = self._stored.get(number)
        return stored is not None and getattr(stored, state)


def store_of(queue: Any) -> MessageStore:
    """Return the message store of moto's queue."""
    store: MessageStore = queue._messages  # noqa: SLF001 - moto's
    return store


def trace_attribute(header: str) -> dict[str, dict[str, str]]:
    """Return the system attribute that keeps an X-Ray trace header with a message; empty without a header.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
    """
    return {_TRACE_HEADER: {"DataType": "String", "StringValue": header}} if header else {}


def trace_header(message: Any) -> str:
    """Return the X-Ray trace header of moto's message; empty if it has none."""
    attribute = message.system_attributes.get(_TRACE_HEADER) or {}
    return str(attribute.get("StringValue", ""))
