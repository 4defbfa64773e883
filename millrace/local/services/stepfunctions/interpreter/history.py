"""The history of an execution.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from millrace.local.services.stepfunctions.interpreter.errors import RUNTIME, StateError

MAX_EVENTS = 25_000
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-state-machine-executions"""

MAX_DATA_BYTES = 256 * 1024
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-task-executions"""

NOT_TRUNCATED = {"truncated": False}

HistoryEvent = dict[str, Any]
"""An event as GetExecutionHistory returns it: `id`, `previousEventId`, `timestamp` in seconds, `type`, details."""


def compact(value: Any) -> str:
    """Return a value as the JSON text that AWS writes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def is_too_large(text: str) -> bool:
    """Return whether a JSON text has more than 256 KiB in UTF-8."""
    return len(text) * 4 > MAX_DATA_BYTES and len(text.encode(errors="surrogatepass")) > MAX_DATA_BYTES


class HistoryFullError(StateError):
    """An execution has too many events. It fails, in any state."""

    def __init__(self) -> None:
        super().__init__(RUNTIME, f"The execution reached the maximum number of history events ({MAX_EVENTS}).")

    def locate(self, state: str, entered: int) -> None:
        """Leave the cause as it is."""


class History:
    """The events of one execution. `on_event` is called with each new one. A closed history ignores further events."""

    def __init__(self, now: Callable[[], float], on_event: Callable[[HistoryEvent], None]) -> None:
        self.events: list[HistoryEvent] = []
        self.is_closed = False
        self._now = now
        self._on_event = on_event

    def add(self, kind: str, previous: int, details_name: str = "", /, **details: Any) -> int:
        """Add an event and return its id. Details that are None are left out. Raises HistoryFullError."""
        if self.is_closed:
            return previous
        if self.is_full:
            raise HistoryFullError
        return self._add(kind, previous, details_name, details)

    def close(self, kind: str, previous: int, details_name: str, /, **details: Any) -> None:
        """Add the event that ends the execution."""
        self._add(kind, previous, details_name, details)
        self.is_closed = True

    def _add(self, kind: str, previous: int, details_name: str, details: Mapping[str, Any]) -> int:
        event: HistoryEvent = {
            "timestamp": round(self._now(), 3),
            "type": kind,
            "id": len(self.events) + 1,
            "previousEventId": previous,
        }
        if details_name:
            event[details_name] = {name: value for name, value in details.items() if value is not None}
        self.events.append(event)
        self._on_event(event)
        return len(self.events)

    @property
    def is_full(self) -> bool:
        """Whether only the event that ends the execution still fits."""
        return len(self.events) >= MAX_EVENTS - 1
