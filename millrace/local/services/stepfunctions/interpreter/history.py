"""The history of an execution.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
"""

import json
from collections.abc import Callable
from typing import Any

MAX_EVENTS = 25_000
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-state-machine-executions"""

HistoryEvent = dict[str, Any]
"""An event as GetExecutionHistory returns it: `id`, `previousEventId`, `timestamp` in seconds, `type`, details."""


def compact(value: Any) -> str:
    """Return a value as the JSON text that AWS writes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class History:
    """The events of one execution. `on_event` is called with each new one."""

    def __init__(self, now: Callable[[], float], on_event: Callable[[HistoryEvent], None]) -> None:
        self.events: list[HistoryEvent] = []
        self._now = now
        self._on_event = on_event

    def add(self, kind: str, previous: int, details_name: str = "", /, **details: Any) -> int:
        """Add an event and return its id. Details that are None are left out."""
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
