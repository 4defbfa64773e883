"""What the local cloud remembers of each flow."""

import base64
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from millrace.local.core.clock import Clock
from millrace.local.core.json_text import parsed

MAX_FLOWS = 5_000
"""Flows that are remembered; the oldest is forgotten first, so that memory stays flat."""

MAX_RECENT_RECORDS = 10_000
"""Records that are remembered in the order of their making, for those who follow."""

Kind = Literal["event", "attempt", "execution", "dead-letter", "refused"]


@dataclass(frozen=True)
class Record:
    """One thing that happened to an event of a flow, at a moment in seconds since 1970.

    `name` is the event's detail-type, the processor, the state machine or the queue, as the kind has it.
    """

    kind: Kind
    at: float
    correlation_id: str
    event_id: str
    name: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """The event that a payload is about. `key` is the SQS message id where a batch brought it."""

    event_id: str
    correlation_id: str
    event: str
    key: str | None = None
    attempt: int = 1
    execution: str | None = None


class EventHistory:
    """Records by flow, in the order in which they were made."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._flows: OrderedDict[str, list[Record]] = OrderedDict()
        self._latest: deque[Record] = deque(maxlen=MAX_RECENT_RECORDS)
        self._made = 0

    def add(self, kind: Kind, about: Reference, name: str, *, at: float | None = None, **more: Any) -> None:
        """Remember something about an event; it happened now unless `at` says when."""
        record = Record(kind, at or self._clock.now(), about.correlation_id, about.event_id, name, more)
        self._flows.setdefault(about.correlation_id, []).append(record)
        self._latest.append(record)
        self._made += 1
        if len(self._flows) > MAX_FLOWS:
            self._flows.popitem(last=False)

    def since(self, number: int) -> tuple[int, list[Record]]:
        """The records after the first so many, as far as they are still known, and how many there are by now."""
        new = max(0, self._made - number)
        return self._made, list(self._latest)[-new:] if new else []

    def flow(self, correlation_id: str) -> list[Record]:
        """Everything about one flow."""
        return list(self._flows.get(correlation_id, ()))

    def flows(self) -> list[str]:
        """The correlation ids of the flows that are remembered, oldest first."""
        return list(self._flows)

    def forget(self) -> None:
        """Forget every flow."""
        self._flows.clear()
        self._latest.clear()


def reference(envelope: Any) -> Reference | None:
    """The event of an envelope. One without metadata is its own flow, known by EventBridge's id."""
    if not isinstance(envelope, dict) or "detail-type" not in envelope:
        return None
    detail = envelope.get("detail")
    metadata = detail.get("metadata") if isinstance(detail, dict) else None
    known = metadata if isinstance(metadata, dict) else {}
    own = str(known.get("event_id") or envelope.get("id", ""))
    return Reference(own, str(known.get("correlation_id") or own), str(envelope["detail-type"]))


def references(payload: Any) -> list[Reference]:
    """The events that a function's payload is about: of a rule, of a queue's batch, or of a mediator's step."""
    return list(_references(payload))


def _references(payload: Any) -> Iterator[Reference]:
    if not isinstance(payload, dict):
        return
    flow = payload.get("flow")
    said = flow.get("events") if isinstance(flow, dict) else None
    if isinstance(said, list) and said:
        yield from _changed(reference(said[0]), payload)
    elif isinstance(payload.get("Records"), list):
        yield from _of_records(payload["Records"])
    elif (found := reference(payload)) is not None:
        yield found


def _changed(found: Reference | None, payload: dict[str, Any]) -> Iterator[Reference]:
    if found is not None:
        attempt, execution = _counted(payload.get("attempt", 0)) + 1, payload.get("execution")
        yield Reference(found.event_id, found.correlation_id, found.event, attempt=attempt, execution=execution)


def _of_records(records: Iterable[Any]) -> Iterator[Reference]:
    """Of what is no record of a queue or a stream, nothing: whoever invokes a function may hand it anything."""
    for record in records:
        found = reference(_content(record)) if isinstance(record, dict) else None
        if found is not None:
            attempt = _counted(_object(record, "attributes").get("ApproximateReceiveCount", 1))
            key = record.get("messageId") or _object(record, "kinesis").get("sequenceNumber")
            yield Reference(found.event_id, found.correlation_id, found.event, key, attempt)


def _content(record: dict[str, Any]) -> Any:
    """What a queue's message or a stream's record carries."""
    if "kinesis" not in record:
        content = parsed(record.get("body"))
        return content.get("requestPayload", content) if isinstance(content, dict) else content
    try:
        return parsed(base64.b64decode(_object(record, "kinesis").get("data", "")))
    except (TypeError, ValueError):
        return None  # no base64, so about no event


def _object(record: dict[str, Any], name: str) -> dict[str, Any]:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _counted(value: Any) -> int:
    """A number of attempts; the first, where it is none."""
    return int(value) if str(value).isdecimal() else 1
