"""Archives: the events of a bus that are kept, for as long as their archive says.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive-event.html
"""

import json
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from millrace.local.services.eventbridge.inputs import Envelope, compact
from millrace.patterns import Pattern, compile_pattern

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

MANAGED_BY = "prod.vhs.events.aws.internal"
"""Who owns the rule that AWS, and moto, makes for an archive."""
_DAY = 86_400
_TIME_AND_ACCOUNT = 26


@dataclass(frozen=True)
class Kept:
    """An event in an archive: when it was archived, when it happened, and its size in bytes."""

    envelope: Envelope
    archived: float
    happened: float
    size: int


class Archives:
    """What the archives of moto hold."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._kept: dict[str, deque[Kept]] = {}

    def of_bus(self, bus: str) -> list[tuple[Any, Pattern]]:
        """The archives of a bus, and what each takes: never an event that is being replayed."""
        archives = list(self._region.backends.events.archives.values())
        return [(archive, _pattern(archive)) for archive in archives if archive.event_bus_name == bus]

    def keep(self, archive: Any, envelope: Envelope) -> None:
        """Put an event into an archive."""
        happened = datetime.fromisoformat(envelope["time"]).timestamp()
        events = self._fresh(archive)
        events.append(Kept(envelope, self._region.clock.now(), happened, _size(envelope)))

    def events(self, archive: Any) -> list[Kept]:
        """The events of an archive, in the order in which they happened."""
        return sorted(self._fresh(archive), key=lambda kept: kept.happened)

    def figures(self, archive: Any) -> dict[str, int]:
        """The size of an archive, as DescribeArchive gives it."""
        events = self._fresh(archive)
        return {"EventCount": len(events), "SizeBytes": sum(kept.size for kept in events)}

    def changed(self) -> None:
        """Forget what archives held that are gone."""
        there = {archive.uuid for archive in list(self._region.backends.events.archives.values())}
        for gone in self._kept.keys() - there:
            del self._kept[gone]

    def reset(self) -> None:
        """Forget every archive."""
        self._kept.clear()

    def _fresh(self, archive: Any) -> deque[Kept]:
        """What an archive holds once it has dropped what is older than its retention."""
        events = self._kept.setdefault(archive.uuid, deque())
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
    """AWS does not say how it reckons; this gives the figures that were recorded from it."""
    texts = [envelope["source"], envelope["detail-type"], compact(envelope["detail"]), *envelope["resources"]]
    return _TIME_AND_ACCOUNT + sum(len(text.encode()) for text in texts)
