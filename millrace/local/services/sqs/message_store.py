"""The messages of one queue: in order, found by handle, and counted without a search.

moto keeps a list, which it walks through, and rebuilds, for each call: 10,000 messages cost minutes.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

REMEMBERED_HANDLES = 20_000
"""Handles of deleted messages that are remembered, as deleting one twice is no error."""


@dataclass(eq=False)
class Place:
    """Where a message stands: ready, out with a consumer, or delayed.

    `due` is when it comes back, `lent` when it was received, in milliseconds.
    """

    number: int
    lane: "Lane"
    message: Any
    due: float = 0.0
    lent: float = 0.0
    ready: bool = False
    out: bool = False
    handles: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Lane:
    """What must stay in order: a message group, or the whole of a standard queue, which nothing closes."""

    group: str | None
    ready: list[int] = field(default_factory=list)
    out: int = 0
    size: int = 0

    @property
    def closed(self) -> bool:
        """Whether a message of this group is with a consumer."""
        return self.group is not None and self.out > 0


class MessageStore:
    """Holds the messages of a queue. Every method is to be called with `lock` held."""

    def __init__(self, queue: Any, now: Callable[[], float], messages: Iterable[Any] = ()) -> None:
        self.lock: threading.Condition = queue._messages_lock  # noqa: SLF001 - moto's
        self._queue = queue
        self.now = now
        self._last = 0
        self._lookup: dict[int, Place] = {}
        self._by_handle: dict[str, Place] = {}
        self._deleted: OrderedDict[str, None] = OrderedDict()
        self._lanes: dict[str | None, Lane] = {}
        self._open: list[tuple[int, str | None]] = []
        self._later: list[tuple[float, int]] = []
        self._ready = self._out = 0
        for message in messages:
            self.add(message)

    def __iter__(self) -> Iterator[Any]:
        return iter([place.message for place in self._lookup.values()])

    def __len__(self) -> int:
        return len(self._lookup)

    def add(self, message: Any) -> None:
        """Put a message at the end."""
        self._last += 1
        group = message.group_id if self._queue.fifo_queue else None
        lane = self._lanes.setdefault(group, Lane(group))
        place = self._lookup[self._last] = Place(self._last, lane, message)
        message.millrace_place = place
        lane.size += 1
        if message.delayed_until > self.now():
            self._wait(place, message.delayed_until)
        else:
            self._make_ready(place)

    append = add

    def remove(self, message: Any) -> None:
        """Take a message away, wherever it stands."""
        place: Place = message.millrace_place
        if self._lookup.pop(place.number, None) is None:
            return
        self._leave(place)
        place.lane.size -= 1
        if not place.lane.size:
            del self._lanes[place.lane.group]
        for handle in place.handles:
            self._by_handle.pop(handle, None)
            self._deleted[handle] = None
        while len(self._deleted) > REMEMBERED_HANDLES:
            self._deleted.popitem(last=False)

    def find(self, handle: str) -> Any | None:
        """The message that a handle was given for."""
        place = self._by_handle.get(handle)
        return place.message if place else None

    def was_deleted(self, handle: str) -> bool:
        """Whether a handle is one of a message that was deleted."""
        return handle in self._deleted

    def take(self) -> Any | None:
        """The next message that may be received, in order; it stays where it is until it is `lent` or removed."""
        self._bring_back()
        while self._open:
            number, group = self._open[0]
            lane = self._lanes.get(group)
            if lane and not lane.closed and self._first(lane) == number:
                return self._lookup[number].message
            heappop(self._open)
        return None

    def after(self, message: Any) -> Any | None:
        """The next message of the group of one that was just lent, which closed the group for others."""
        lane: Lane = message.millrace_place.lane
        number = self._first(lane) if lane.group is not None else None
        return None if number is None else self._lookup[number].message

    def lend(self, message: Any, handle: str, until: float) -> None:
        """Say that a message is with a consumer until a moment, known by a handle."""
        place: Place = message.millrace_place
        self._leave(place)
        place.handles.append(handle)
        self._by_handle[handle] = place
        place.out, place.lent = True, self.now()
        place.lane.out += 1
        self._out += 1
        self._wait(place, until)

    def reschedule(self, message: Any, until: float) -> None:
        """Change the moment at which a message comes back."""
        place: Place = message.millrace_place
        if place.out:
            self._wait(place, until)

    def next_visible(self) -> float | None:
        """When a message can be received, in milliseconds; a moment that is past if one can be now."""
        with self.lock:
            if self.take() is not None:
                return 0.0
            return self._later[0][0] if self._later else None

    def counts(self) -> tuple[int, int, int]:
        """How many messages are ready, with consumers, and delayed."""
        with self.lock:
            self._bring_back()
            return self._ready, self._out, len(self._lookup) - self._ready - self._out

    def _wait(self, place: Place, until: float) -> None:
        place.due = until
        heappush(self._later, (until, place.number))

    def _bring_back(self) -> None:
        now = self.now()
        while self._later and (self._later[0][0] <= now or self._is_stale(*self._later[0])):
            due, number = heappop(self._later)
            if not self._is_stale(due, number):
                place = self._lookup[number]
                self._leave(place)
                self._make_ready(place)

    def _is_stale(self, due: float, number: int) -> bool:
        place = self._lookup.get(number)
        return place is None or place.ready or place.due != due

    def _make_ready(self, place: Place) -> None:
        place.ready = True
        self._ready += 1
        heappush(place.lane.ready, place.number)
        self._show(place.lane)

    def _leave(self, place: Place) -> None:
        """Take a place out of the state that it is in."""
        self._ready -= place.ready
        self._out -= place.out
        place.lane.out -= place.out
        place.ready = place.out = False
        self._show(place.lane)

    def _show(self, lane: Lane) -> None:
        first = self._first(lane)
        if first is not None and not lane.closed and (not self._open or self._open[0] != (first, lane.group)):
            heappush(self._open, (first, lane.group))  # what is no longer true of it is dropped by `take`

    def _first(self, lane: Lane) -> int | None:
        while lane.ready:
            place = self._lookup.get(lane.ready[0])
            if place is not None and place.ready:
                return place.number
            heappop(lane.ready)
        return None
