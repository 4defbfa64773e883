"""The event history: events, attempts, executions and dead letters of each flow."""

import base64
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from millrace.local.core.clock import Clock
from millrace.local.core.json_text import parsed
from millrace.operations.history import Kind, Record, Reference, reference

__all__ = ["MAX_FLOWS", "MAX_RECENT_RECORDS", "EventHistory", "Kind", "Record", "Reference", "reference", "references"]

MAX_FLOWS = 5_000
"""The most flows in memory. The oldest is dropped first."""

MAX_RECENT_RECORDS = 10_000
"""The most records for `tail`, which reads records of all flows in order."""


class EventHistory:
    """Records by flow, oldest first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flows: OrderedDict[str, list[Record]] = OrderedDict()
        self._recent: deque[Record] = deque(maxlen=MAX_RECENT_RECORDS)
        self._count = 0
        self.observer: Callable[[Record], object] = lambda _record: None
        """Receives each new record."""

    def add(self, kind: Kind, about: Reference, name: str, *, at: float | None = None, **more: Any) -> None:
        """Add a record about an event. `at` is now by default."""
        record = Record(kind, at or self._clock.now(), about.correlation_id, about.event_id, name, more)
        self._flows.setdefault(about.correlation_id, []).append(record)
        self._recent.append(record)
        self._count += 1
        self.observer(record)
        if len(self._flows) > MAX_FLOWS:
            self._flows.popitem(last=False)

    def since(self, number: int) -> tuple[int, list[Record]]:
        """Return the count of all records so far, and those after the first `number` that are still in memory."""
        new = max(0, self._count - number)
        return self._count, list(self._recent)[-new:] if new else []

    def flow(self, correlation_id: str) -> list[Record]:
        """Return the records of one flow."""
        return list(self._flows.get(correlation_id, ()))

    def flows(self) -> list[str]:
        """Return the correlation ids of the flows in memory, oldest first."""
        return list(self._flows)

    def reset(self) -> None:
        """Drop every flow."""
        self._flows.clear()
        self._recent.clear()


def references(payload: Any) -> list[Reference]:
    """Return the events in a function's payload: from a rule, a batch of records, or a mediator's step."""
    return list(_references(payload))


def _references(payload: Any) -> Iterator[Reference]:
    if not isinstance(payload, dict):
        return
    flow = payload.get("flow")
    published = flow.get("events") if isinstance(flow, dict) else None
    if isinstance(published, list) and published:
        yield from _of_step(reference(published[0]), payload)
    elif isinstance(payload.get("Records"), list):
        yield from _of_records(payload["Records"])
    elif (found := reference(payload)) is not None:
        yield found


def _of_step(found: Reference | None, payload: dict[str, Any]) -> Iterator[Reference]:
    if found is not None:
        attempt, execution = _number(payload.get("attempt", 0)) + 1, payload.get("execution")
        yield Reference(found.event_id, found.correlation_id, found.event, attempt=attempt, execution=execution)


def _of_records(records: Iterable[Any]) -> Iterator[Reference]:
    """Yield the events of valid records. A function may be invoked with any payload."""
    for record in records:
        found = reference(_content(record)) if isinstance(record, dict) else None
        if found is not None:
            attempt = _number(_object(record, "attributes").get("ApproximateReceiveCount", 1))
            key = record.get("messageId") or _object(record, "kinesis").get("sequenceNumber")
            yield Reference(found.event_id, found.correlation_id, found.event, key, attempt)


def _content(record: dict[str, Any]) -> Any:
    """Return the content of a queue's message or a stream's record."""
    if "kinesis" not in record:
        content = parsed(record.get("body"))
        return content.get("requestPayload", content) if isinstance(content, dict) else content
    try:
        return parsed(base64.b64decode(_object(record, "kinesis").get("data", "")))
    except (TypeError, ValueError):
        return None  # not base64, so no event


def _object(record: dict[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int:
    """Return a number of attempts; 1 if the value is not a number."""
    return int(value) if str(value).isdecimal() else 1
