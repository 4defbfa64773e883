"""Records of what happened to events: from the local cloud's event history, or from the logs of functions."""

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["event", "attempt", "execution", "dead-letter", "refused"]


@dataclass(frozen=True)
class Record:
    """One thing that happened to an event of a flow, `at` seconds since 1970.

    `name` is the event's detail-type, the processor, the state machine or the queue, depending on the kind.
    """

    kind: Kind
    at: float
    correlation_id: str
    event_id: str
    name: str
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reference:
    """The event that a payload contains. `key` is the id of the SQS message or stream record that carried it."""

    event_id: str
    correlation_id: str
    event: str
    key: str | None = None
    attempt: int = 1
    execution: str | None = None


def reference(envelope: Any) -> Reference | None:
    """The event of an envelope. Without metadata, EventBridge's own id is both its event id and correlation id."""
    if not isinstance(envelope, dict) or "detail-type" not in envelope:
        return None
    detail = envelope.get("detail")
    metadata = detail.get("metadata") if isinstance(detail, dict) else None
    known = metadata if isinstance(metadata, dict) else {}
    own = str(known.get("event_id") or envelope.get("id", ""))
    return Reference(own, str(known.get("correlation_id") or own), str(envelope["detail-type"]))
