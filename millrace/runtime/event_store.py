"""Event stores as parameters of a handler: aggregates decide on events, streams store them.

`def handler(command: PlaceOrder, orders: EventStore[Order]) -> None` receives the store that its construct passes as
`orders`. An aggregate is a plain class without constructor arguments. Its methods take commands and return events, and
`apply(event)` updates its state. The annotation of `apply` declares the events of its streams.
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
from millrace.runtime.stores import resource_name
from millrace.runtime.streams import MAX_APPENDED, ConcurrencyError, Stored, Streams

SNAPSHOT_EVERY = 100
"""Events between two snapshots of an aggregate."""
_MOST_SNAPSHOT = 400_000
"""Maximum bytes of a snapshot. A larger aggregate is loaded from all of its events each time."""
_ATTEMPTS = 10
_PAUSE, _LONGEST_PAUSE = 0.01, 0.5


class Aggregate(Protocol):
    """A plain class whose state results from its events."""

    def apply(self, event: Any, /) -> None:
        """Update the state with an event. It neither decides nor validates."""


A = TypeVar("A", bound=Aggregate)
Decision = Iterable[Event] | Event | None


class ForeignEventError(TypeError):
    """The annotation of an aggregate's `apply` does not contain this event."""


class EventStore(Generic[A]):
    """The streams of one aggregate class. Appended events are published by the relay of the store.

    With the `effect` of a handler, the handled event is the cause of appended events, and handling it again appends
    nothing more.
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
        """Load an aggregate, call `decide`, and append its events. A concurrent append restarts this with fresh state.

        Returns the appended events, also if the same cause was handled before. Raises ConcurrencyError after ten
        attempts. A handler of a list of events names the event that causes this append: `cause=event`.
        """
        _check_name(stream)
        append = self._caused(stream, cause)
        done = self._done(append)
        for attempt in range(0 if done else self._attempts):
            aggregate, version = self.load(stream)
            decision = decide(aggregate)
            events = [decision] if isinstance(decision, Event) else list(decision or ())
            try:
                return self._append(stream, events, version, append)
            except ConcurrencyError:
                if attempt + 1 == self._attempts:
                    raise
            time.sleep(min(_PAUSE * 2**attempt, _LONGEST_PAUSE) * random.random())  # noqa: S311 - jitter is no secret
        return done

    def append(self, stream: str, events: Sequence[Event], *, expected: int, cause: Event | None = None) -> list[Event]:
        """Append events to a stream at version `expected`, 0 for a new stream, all or none. Raises ConcurrencyError.

        A handler of a list of events names the event that causes this append: `cause=event`.
        """
        _check_name(stream)
        return self._append(stream, events, expected, self._caused(stream, cause))

    def load(self, stream: str) -> tuple[A, int]:
        """Return an aggregate with the state of its events, and the version of its stream, 0 for a new one."""
        aggregate, version = self._from_snapshot(stream)
        for stored in self._streams.read(stream, after=version):
            aggregate.apply(self._decode(stored))
            version = stored.version
        return aggregate, version

    def read(self, stream: str, after: int = 0) -> Iterator[Event]:
        """Return the events of a stream after a version, in order, in the newest version of their contracts."""
        return (self._decode(stored) for stored in self._streams.read(stream, after))

    def _append(self, stream: str, events: Sequence[Event], expected: int, append: Append | None) -> list[Event]:
        if not events:
            return []
        self._check(stream, events)
        stamped = [self._stamped(e, stream, expected, number, append) for number, e in enumerate(events, start=1)]
        new = [Stored(stream, expected + n, encode(event)) for n, event in enumerate(stamped, start=1)]
        if not self._streams.append(new, once=append.mark if append else None):
            return self._done(append)
        self.appended += stamped
        self._snapshot(stream, expected, len(new))
        return stamped

    def _caused(self, stream: str, named: Event | None) -> Append | None:
        """Return the next append of a cause to a stream; None outside a handler."""
        if not self._effect:
            return None
        cause = self._effect.cause_of(named, f"an append to {stream!r}", f"update({stream!r}, …, cause=event)")
        self._appends[stream, cause.event_id] += 1
        return self._effect.append(stream, cause, self._appends[stream, cause.event_id])

    def _done(self, append: Append | None) -> list[Event]:
        """Return the events that were appended when the cause was handled before."""
        found = map(self._decode, self._streams.appended(append.stream, append.mark) if append else ())
        self.appended += (done := list(found))
        return done

    def _stamped(self, event: Event, stream: str, expected: int, number: int, append: Append | None) -> Event:
        metadata = append.metadata(number) if append else Metadata.root(producer=self._aggregate.__name__)
        known = {"version": event.contract.version, "stream": stream, "stream_version": expected + number}
        return event.stamped(metadata.model_copy(update=known))

    def _check(self, stream: str, events: Sequence[Event]) -> None:
        if len(events) > MAX_APPENDED:
            raise ValueError(f"{len(events)} events for {stream} exceed one append: append at most {MAX_APPENDED}.")
        for event in events:
            if type(event) not in self._events.values():
                raise ForeignEventError(
                    f"{self._aggregate.__name__} returned {type(event).__name__}, but its streams contain "
                    f"{_names(self._events.values())}: add it to the annotation of {self._aggregate.__name__}.apply."
                )

    def _decode(self, stored: Stored) -> Event:
        name = (stored.envelope["source"], stored.envelope["detail-type"])
        if name not in self._events:
            raise ForeignEventError(
                f"{stored.stream} has {name[1]} of {name[0]} at version {stored.version}, but "
                f"{self._aggregate.__name__}.apply takes {_names(self._events.values())}: keep every stored event in "
                f"the annotation of apply."
            )
        return decode(self._streams.with_data(stored), self._events[name])

    # -- snapshots -----------------------------------------------------------------------------------------------

    def _from_snapshot(self, stream: str) -> tuple[A, int]:
        schema = schema_of(self._aggregate)
        found = self._streams.snapshot(stream) if schema else None
        if not schema or not found or found.get("schema") != schema:
            return self._aggregate(), 0
        return TypeAdapter(self._aggregate).validate_json(found["state"]), int(found["at"])

    def _snapshot(self, stream: str, before: int, more: int) -> None:
        """Save a snapshot if an append has passed a multiple of SNAPSHOT_EVERY."""
        schema = schema_of(self._aggregate)
        if schema and before // SNAPSHOT_EVERY != (before + more) // SNAPSHOT_EVERY:
            aggregate, version = self.load(stream)
            state = TypeAdapter(self._aggregate).dump_json(aggregate).decode()
            if len(state.encode()) <= _MOST_SNAPSHOT:
                self._streams.save_snapshot(stream, {"at": version, "state": state, "schema": schema})
            else:
                logger().warning("aggregate too large for a snapshot", extra={"stream": stream, "version": version})


def events_of(aggregate: type[Any]) -> tuple[type[Event], ...]:
    """Return the events of an aggregate's streams. Raises SignatureError with the fix."""
    where = f"{aggregate.__module__}.{aggregate.__qualname__}"
    if not callable(getattr(aggregate, "apply", None)):
        raise SignatureError(f"{where} has no method apply: write def apply(self, event: AnEvent | Another) -> None.")
    parameters = list(inspect.signature(aggregate.apply).parameters)
    hint = hints_of(aggregate.apply, where).get(parameters[1] if len(parameters) > 1 else "")
    events, rest = events_among(hint)
    if not events or rest:
        raise SignatureError(f"{where}.apply takes {hint}: write an Event with a source, or a union of them.")
    return tuple(events)


@cache
def schema_of(aggregate: Any) -> str | None:
    """Return a hash of the class's module. A snapshot is valid for the code that created it.

    None for a class that is neither a dataclass nor a pydantic model, because only those have snapshots.
    """
    if not is_dataclass(aggregate) and not issubclass(aggregate, BaseModel):
        return None
    code = inspect.getsource(sys.modules[aggregate.__module__])
    return hashlib.sha256(f"{aggregate.__qualname__}\n{code}".encode()).hexdigest()


def _names(events: Iterable[type[Event]]) -> str:
    return ", ".join(event.__name__ for event in events)


def _check_name(stream: str) -> None:
    if stream.startswith("$") or not stream:
        raise ValueError(
            f"{stream!r} is not a valid stream name: use a name that is not empty and does not start with $."
        )


def store_variable(parameter: str) -> str:
    """Return the environment variable with the address of a parameter's event store."""
    return f"MILLRACE_STORE_{parameter.upper()}"


def open_store(parameter: str, aggregate: type[Any], effect: Effect) -> EventStore[Any]:
    """Return the event store of a parameter, for the effects of one event."""
    return EventStore(Streams.at(resource_name(store_variable(parameter), parameter)), aggregate, effect=effect)
