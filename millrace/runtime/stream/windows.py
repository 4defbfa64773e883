"""Windows: the readings of one key in one interval of time, as partial aggregates that can be merged.

A reading belongs to the window of its own time, and counts if it arrives before the end of the window plus the allowed
lateness. Both times are in the record, so the answer does not depend on batches, retries or shards.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Generic, TypeVar

from millrace.runtime.stream.aggregates import State, Statistics, merged, summary
from millrace.runtime.stream.readings import Reading

R = TypeVar("R", bound=Reading)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID_BYTES = 8
Slot = tuple[str, int]
"""A key, and the number of a window since 1970."""


@dataclass(frozen=True)
class Frame:
    """The tumbling windows of a processor: their width, and how late a reading may arrive."""

    width: timedelta
    lateness: timedelta

    @property
    def whole_seconds(self) -> int:
        """The width in seconds if it has no fraction, else 0. Dividing integers is faster than dividing timedeltas."""
        seconds = self.width.total_seconds()
        return int(seconds) if seconds.is_integer() else 0

    def number(self, time: datetime) -> int:
        """Return the number of the window of a time."""
        return (time - EPOCH) // self.width

    def start(self, number: int) -> datetime:
        """Return the start of a window."""
        return EPOCH + number * self.width

    def due(self, number: int) -> float:
        """Return the time, in seconds since 1970, from which a window accepts no further readings."""
        return ((number + 1) * self.width + self.lateness).total_seconds()


@dataclass
class Part:
    """A part of the readings of a window: aggregates by field, the position of its last record, and known ids.

    Positions count the records of a shard or partition. `ids` are hashes of 8 bytes each.
    """

    count: int
    position: int
    fields: dict[str, State]
    ids: bytes = b""

    @classmethod
    def of(cls, reading: type[Reading], readings: list[Any], position: int) -> "Part":
        """Aggregate readings."""
        fields = {
            name: summary([value for value in map(attrgetter(name), readings) if value is not None], sketch=sketch)
            for name, sketch in reading.numbers().items()
        }
        return cls(len(readings), position, fields)

    @classmethod
    def read(cls, state: Any) -> "Part":
        """Read the JSON of a part."""
        return cls(state["n"], int(state["at"]), state["f"], base64.b64decode(state["ids"]))

    def state(self) -> dict[str, Any]:
        """Return the part as JSON. A position can be longer than the integers of JSON."""
        return {"n": self.count, "at": str(self.position), "f": self.fields, "ids": base64.b64encode(self.ids).decode()}

    def __add__(self, other: "Part") -> "Part":
        names = self.fields.keys() | other.fields.keys()
        none = summary(())
        both = {name: merged(self.fields.get(name, none), other.fields.get(name, none)) for name in sorted(names)}
        position = max(self.position, other.position)
        return Part(self.count + other.count, position, both, self.ids + other.ids)


class Window(Generic[R]):
    """The readings of one key from `start` until `end`, as the parameter of a stream processor.

    `window["celsius"].mean` is one of the statistics of a field, `window.count` the number of readings.
    """

    def __init__(self, key: str, start: datetime, end: datetime, part: Part) -> None:
        self.key = key
        self.start = start
        self.end = end
        self._part = part

    @classmethod
    def of(cls, readings: Iterable[R], *, every: timedelta) -> "Window[R]":
        """Return the window of some readings with one key, as tests need it."""
        given = list(readings)
        frame = Frame(every, timedelta())
        numbers = {(getattr(r, r.key_field), frame.number(getattr(r, r.time_field))) for r in given}
        if len(numbers) != 1:
            raise ValueError(f"Give readings of one key and one window, not of {len(numbers)}: {sorted(numbers)}.")
        ((key, number),) = numbers
        return cls(key, frame.start(number), frame.start(number + 1), Part.of(type(given[0]), given, 0))

    @property
    def count(self) -> int:
        """The number of readings."""
        return self._part.count

    def __getitem__(self, field: str) -> Statistics:
        if field not in self._part.fields:
            known = ", ".join(self._part.fields) or "none"
            raise KeyError(f"The window has no statistics of {field!r}; its fields with numbers are: {known}.")
        return Statistics(self._part.fields[field])

    def __repr__(self) -> str:
        return f"Window({self.key!r}, {self.start.isoformat()}, {self.end.isoformat()}, count={self.count})"


def hashed(value: object) -> bytes:
    """Return the hash of a reading's id."""
    return hashlib.blake2b(str(value).encode(), digest_size=_ID_BYTES).digest()


def split_ids(ids: bytes) -> Iterator[bytes]:
    """Yield the hashes of a part's ids."""
    return (ids[at : at + _ID_BYTES] for at in range(0, len(ids), _ID_BYTES))
