"""An event store as a handler sees it: aggregates that decide, streams that remember.

`def handler(command: PlaceOrder, orders: EventStore[Order]) -> None` is given the store that its construct calls
`orders`. An aggregate is a plain class, made without arguments: its methods take commands and return events, and
`apply(event)` takes in what has happened. The annotation of `apply` says which events its streams are made of.
"""

import hashlib
import inspect
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import is_dataclass
from functools import cache
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, TypeAdapter

from millrace.events import Event, Metadata, decode, encode
from millrace.runtime.effects import Append, Effect
from millrace.runtime.observe import logger
from millrace.runtime.signatures import SignatureError, events_among, hints_of
from millrace.runtime.stores import named_in
from millrace.runtime.streams import MAX_APPENDED, ConcurrencyError, Stored, Streams

SNAPSHOT_EVERY = 100
"""Events between two snapshots of an aggregate."""
_MOST_SNAPSHOT = 400_000
"""Bytes of a state that an item holds; a larger aggregate is made of all of its events, each time."""
_ATTEMPTS = 10
_PAUSE, _LONGEST_PAUSE = 0.01, 0.5


class Aggregate(Protocol):
    """A plain class: what its events have made of it."""

    def apply(self, event: Any, /) -> None:
        """Take in what has happened. Decides nothing, refuses nothing."""


A = TypeVar("A", bound=Aggregate)
Decision = Iterable[Event] | Event | None


class ForeignEventError(TypeError):
    """An event that the `apply` of an aggregate does not name."""


class EventStore(Generic[A]):
    """The streams of one kind of aggregate. What is appended is published, once and for all.

    With an `effect`, as a handler has it, what is appended is caused by the event that is handled, and handling that
    again appends nothing more.
    """

    def __init__(
        self, table: Any, aggregate: type[A], *, effect: Effect | None = None, attempts: int = _ATTEMPTS
    ) -> None:
        self._streams = table if isinstance(table, Streams) else Streams(table)
        self._aggregate = aggregate
        self._events = {(e.contract.source, e.contract.detail_type): e for e in events_of(aggregate)}
        self._effect = effect
        self._attempts = attempts
        self._appends: Counter[tuple[str, str]] = Counter()
        self.appended: list[Event] = []

    def update(self, stream: str, decide: Callable[[A], Decision], *, cause: Event | None = None) -> list[Event]:
        """Load an aggregate, let it decide, and append what it says; on a conflict, anew with fresh state.

        Gives what was appended, now or when the same cause was handled before.
        Raises ConcurrencyError after ten attempts.
        A handler of a list of events names the one that causes this append: `cause=event`.
        """
        _check_name(stream)
        append = self._caused(stream, cause)
        done = self._done(append)
        for attempt in range(0 if done else self._attempts):
            aggregate, version = self.load(stream)
            said = decide(aggregate)
            events = [said] if isinstance(said, Event) else list(said or ())
            try:
                return self._append(stream, events, version, append)
            except ConcurrencyError:
                if attempt + 1 == self._attempts:
                    raise
            time.sleep(min(_PAUSE * 2**attempt, _LONGEST_PAUSE) * random.random())  # noqa: S311 - jitter is no secret
        return done

    def append(self, stream: str, events: Sequence[Event], *, expected: int, cause: Event | None = None) -> list[Event]:
        """Append events to a stream that is at version `expected` (0: it is new), all or none. Raises ConcurrencyError.

        A handler of a list of events names the one that causes this append: `cause=event`.
        """
        _check_name(stream)
        return self._append(stream, events, expected, self._caused(stream, cause))

    def load(self, stream: str) -> tuple[A, int]:
        """An aggregate as its events have made it, and the version of its stream: 0 for one that is new."""
        aggregate, version = self._from_snapshot(stream)
        for stored in self._streams.read(stream, after=version):
            aggregate.apply(self._decode(stored))
            version = stored.version
        return aggregate, version

    def read(self, stream: str, after: int = 0) -> Iterator[Event]:
        """The events of a stream behind a version, in order, each in the newest version of its contract."""
        return (self._decode(stored) for stored in self._streams.read(stream, after))

    def _append(self, stream: str, events: Sequence[Event], expected: int, append: Append | None) -> list[Event]:
        if not events:
            return []
        self._check(stream, events)
        stamped = [self._stamped(e, stream, expected, place, append) for place, e in enumerate(events, start=1)]
        new = [Stored(stream, expected + n, encode(event)) for n, event in enumerate(stamped, start=1)]
        if not self._streams.append(new, once=append.mark if append else None):
            return self._done(append)
        self.appended += stamped
        self._snapshot(stream, expected, len(new))
        return stamped

    def _caused(self, stream: str, named: Event | None) -> Append | None:
        """The next append of a cause to a stream; None outside of a handler."""
        if not self._effect:
            return None
        cause = self._effect.cause_of(named, f"an append to {stream!r}", f"update({stream!r}, …, cause=event)")
        self._appends[stream, cause.event_id] += 1
        return self._effect.append(stream, cause, self._appends[stream, cause.event_id])

    def _done(self, append: Append | None) -> list[Event]:
        """What was appended before, when its cause was handled the first time."""
        found = map(self._decode, self._streams.appended(append.stream, append.mark) if append else ())
        self.appended += (done := list(found))
        return done

    def _stamped(self, event: Event, stream: str, expected: int, place: int, append: Append | None) -> Event:
        metadata = append.metadata(place) if append else Metadata.root(producer=self._aggregate.__name__)
        known = {"version": event.contract.version, "stream": stream, "stream_version": expected + place}
        return event.stamped(metadata.model_copy(update=known))

    def _check(self, stream: str, events: Sequence[Event]) -> None:
        if len(events) > MAX_APPENDED:
            raise ValueError(f"{len(events)} events at once for {stream}: append at most {MAX_APPENDED}.")
        for event in events:
            if type(event) not in self._events.values():
                raise ForeignEventError(
                    f"{self._aggregate.__name__} decided on {type(event).__name__}, and its streams are made of "
                    f"{_names(self._events.values())}: add it to the annotation of {self._aggregate.__name__}.apply."
                )

    def _decode(self, stored: Stored) -> Event:
        name = (stored.envelope["source"], stored.envelope["detail-type"])
        if name not in self._events:
            raise ForeignEventError(
                f"{stored.stream} has {name[1]} of {name[0]} at version {stored.version}, and "
                f"{self._aggregate.__name__}.apply knows {_names(self._events.values())}: an event that was once "
                f"stored stays in the annotation of apply."
            )
        return decode(self._streams.whole(stored), self._events[name])

    # -- snapshots -----------------------------------------------------------------------------------------------

    def _from_snapshot(self, stream: str) -> tuple[A, int]:
        form = form_of(self._aggregate)
        found = self._streams.snapshot(stream) if form else None
        if not form or not found or found["form"] != form:
            return self._aggregate(), 0
        return TypeAdapter(self._aggregate).validate_json(found["state"]), int(found["at"])

    def _snapshot(self, stream: str, before: int, more: int) -> None:
        """Keep a snapshot where an append has passed a multiple of SNAPSHOT_EVERY."""
        form = form_of(self._aggregate)
        if form and before // SNAPSHOT_EVERY != (before + more) // SNAPSHOT_EVERY:
            aggregate, version = self.load(stream)
            state = TypeAdapter(self._aggregate).dump_json(aggregate).decode()
            if len(state.encode()) <= _MOST_SNAPSHOT:
                self._streams.keep(stream, {"at": version, "state": state, "form": form})
            else:
                logger().warning("too large for a snapshot", extra={"stream": stream, "version": version})


def events_of(aggregate: type[Any]) -> tuple[type[Event], ...]:
    """The events that an aggregate's streams are made of. Raises SignatureError, which says what to write."""
    where = f"{aggregate.__module__}.{aggregate.__qualname__}"
    if not callable(getattr(aggregate, "apply", None)):
        raise SignatureError(f"{where} has no apply: write def apply(self, event: AnEvent | Another) -> None.")
    parameters = list(inspect.signature(aggregate.apply).parameters)
    hint = hints_of(aggregate.apply, where).get(parameters[1] if len(parameters) > 1 else "")
    events, rest = events_among(hint)
    if not events or rest:
        raise SignatureError(f"{where}.apply takes {hint}: write an Event with a source, or a union of them.")
    return tuple(events)


@cache
def form_of(aggregate: Any) -> str | None:
    """What makes a snapshot of an aggregate readable: the code of its module, by which its state came about.

    None for a class whose state is not its fields: dataclasses and models of pydantic have snapshots.
    """
    if not is_dataclass(aggregate) and not issubclass(aggregate, BaseModel):
        return None
    code = inspect.getsource(sys.modules[aggregate.__module__])
    return hashlib.sha256(f"{aggregate.__qualname__}\n{code}".encode()).hexdigest()


def _names(events: Iterable[type[Event]]) -> str:
    return ", ".join(event.__name__ for event in events)


def _check_name(stream: str) -> None:
    if stream.startswith("$") or not stream:
        raise ValueError(f"{stream!r} is no name of a stream: names that begin with $ are the store's own.")


def store_variable(parameter: str) -> str:
    """The environment variable that holds the address of the event store that a parameter asks for."""
    return f"MILLRACE_STORE_{parameter.upper()}"


def open_store(parameter: str, aggregate: type[Any], effect: Effect) -> EventStore[Any]:
    """The event store of a parameter, for the handling of one event."""
    return EventStore(Streams.at(named_in(store_variable(parameter), parameter)), aggregate, effect=effect)
