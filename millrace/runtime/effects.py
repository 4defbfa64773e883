"""Causes of effects. An effect is an event that a handler publishes, or appends to an event store.

The id of an effect is derived from its own cause. It does not depend on the other events of the batch, nor on the order
in which a source delivers them again.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from millrace.events import Event, Metadata


class UnknownCauseError(ValueError):
    """A handler of a list of events does not name the event that causes an effect."""


@dataclass(frozen=True)
class Effect:
    """The context of a handler's effects: the handled events, the producer and the run.

    `cause` is the default cause. A handler of a list has none, and names one of the `handled` events for each effect.
    """

    cause: Metadata | None
    producer: str
    run: str = ""
    handled: tuple[Event, ...] = ()

    def cause_of(self, named: Event | None, what: str, fix: str) -> Metadata:
        """Return the metadata of the event that causes an effect. Raises UnknownCauseError with the fix."""
        if named is None:
            if self.cause is None:
                raise UnknownCauseError(
                    f"{self.producer} handles a list of events and does not name the one that causes {what}: "
                    f"write {fix}, with an event of the list."
                )
            return self.cause
        if not any(event.metadata.event_id == named.metadata.event_id for event in self.handled):
            raise UnknownCauseError(
                f"{self.producer} names {type(named).__name__} {named.metadata.event_id} as the cause of {what}, "
                f"but is not handling that event: write {fix}, with an event that the handler received."
            )
        return named.metadata

    def append(self, stream: str, cause: Metadata, number: int) -> "Append":
        """Return the append with this number, from 1, that a cause makes to a stream."""
        mark = f"{self.producer}/{self.run}/{self._key(cause)}/{number}"
        return Append(stream, mark, cause, self.producer, f"{self.run}/{stream}/{mark}")

    def _key(self, cause: Metadata) -> str:
        """Return what identifies a cause: its id, or its idempotency key and type if it has one."""
        for event in self.handled:
            if event.metadata.event_id == cause.event_id and event.metadata.idempotency_key:
                key = [event.contract.source, event.contract.detail_type, event.metadata.key]
                return hashlib.sha256(json.dumps(key).encode()).hexdigest()
        return cause.event_id

    def stamped(self, events: Iterable[Event], traceparent: str | None) -> Iterator[Event]:
        """Return the events of a handler with metadata. The position of each counts the effects of its cause."""
        counted: Counter[str] = Counter()
        for event in events:
            name = type(event).__name__
            cause = self.cause_of(event.named_cause, name, f"{name}(…).caused_by(event)")
            yield event.stamped(
                cause.causes(
                    producer=self.producer,
                    position=counted[cause.event_id],
                    version=event.contract.version,
                    traceparent=traceparent,
                    run=self.run,
                )
            )
            counted[cause.event_id] += 1


@dataclass(frozen=True)
class Append:
    """One append to a stream as an effect. `mark` is the same when its cause is handled again."""

    stream: str
    mark: str
    cause: Metadata
    producer: str
    run: str

    def metadata(self, position: int) -> Metadata:
        """Return the metadata of the event at a position of the append."""
        return self.cause.causes(producer=self.producer, position=position, run=self.run)
