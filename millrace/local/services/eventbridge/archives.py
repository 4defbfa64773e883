"""Archives of a bus, which hold its events for a retention period.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive-event.html
"""

import json
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from millrace.local.services.eventbridge.put_events import Envelope
from millrace.local.services.eventbridge.target_input import compact
from millrace.patterns import Pattern, compile_pattern

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

MANAGED_BY = "prod.vhs.events.aws.internal"
"""Owner of the rule that AWS and moto create for an archive."""
_DAY = 86_400
_TIME_AND_ACCOUNT_BYTES = 26


@dataclass(frozen=True)
class ArchivedEvent:
    """An event in an archive. `archived` and `time` are in seconds since 1970, `size` is in bytes."""

    envelope: Envelope
    archived: float
    time: float
    size: int


class Archives:
    """The events in moto's archives."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._events: dict[str, deque[ArchivedEvent]] = {}

    def of_bus(self, bus: str) -> list[tuple[Any, Pattern]]:
        """Return the archives of a bus with their patterns, which exclude replayed events."""
        archives = list(self._region.backends.events.archives.values())
        return [(archive, _pattern(archive)) for archive in archives if archive.event_bus_name == bus]

    def add(self, archive: Any, envelope: Envelope) -> None:
        """Store an event."""
        time = datetime.fromisoformat(envelope["time"]).timestamp()
        self._unexpired(archive).append(ArchivedEvent(envelope, self._region.clock.now(), time, _size(envelope)))

    def events(self, archive: Any) -> list[ArchivedEvent]:
        """Return the events of an archive, ordered by their time."""
        return sorted(self._unexpired(archive), key=lambda event: event.time)

    def counts(self, archive: Any) -> dict[str, int]:
        """Return the size of an archive as DescribeArchive does."""
        events = self._unexpired(archive)
        return {"EventCount": len(events), "SizeBytes": sum(event.size for event in events)}

    def changed(self) -> None:
        """Drop the events of deleted archives."""
        existing = {archive.uuid for archive in list(self._region.backends.events.archives.values())}
        for deleted in self._events.keys() - existing:
            del self._events[deleted]

    def reset(self) -> None:
        """Drop every event."""
        self._events.clear()

    def _unexpired(self, archive: Any) -> deque[ArchivedEvent]:
        events = self._events.setdefault(archive.uuid, deque())
        days = int(archive.retention or 0)
        oldest = self._region.clock.now() - days * _DAY
        while days and events and events[0].archived <= oldest:
            events.popleft()
        return events


def _pattern(archive: Any) -> Pattern:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html."""
    own = json.loads(archive.event_pattern.dump() or "{}")
    return compile_pattern({**own, "replay-name": [{"exists": False}]}, max_length=8192)


def _size(envelope: Envelope) -> int:
    """AWS documents no formula; this one gives the sizes that were recorded from AWS."""
    texts = [envelope["source"], envelope["detail-type"], compact(envelope["detail"]), *envelope["resources"]]
    return _TIME_AND_ACCOUNT_BYTES + sum(len(text.encode()) for text in texts)
