"""What a step takes that waits for an answer from outside.

`def handler(order: OrderPlaced, callback: Callback[ShipmentArranged | ShipmentRefused]) -> ShippingRequested` asks, by
whatever way, and gives `callback.id` along. Its task waits until one of these events is sent to
`POST /callbacks/{id}` of the API; that event is published, and goes on with the flow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar, get_args, get_origin

from millrace.events import Event
from millrace.runtime.signatures import SignatureError, events_among

A = TypeVar("A", bound=Event)
ANSWER_WITHIN = timedelta(days=1)
LONGEST = timedelta(days=365)
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-state-machine-executions"""


@dataclass(frozen=True)
class Callback(Generic[A]):
    """Where an answer is waited for. Whoever is to give it needs the `id`, which is good for one answer."""

    id: str = field(repr=False)


@dataclass(frozen=True)
class Expected:
    """The parameter that takes a callback: one of which events may be answered, and within how many seconds."""

    name: str
    events: tuple[type[Event], ...]
    seconds: int

    @property
    def names(self) -> list[str]:
        """The events, as the graph names them."""
        return [event.contract.name for event in self.events]


def expected_among(named: Mapping[str, Any], within: timedelta | None, where: str) -> Expected | None:
    """What the parameters say of an answer. Raises SignatureError."""
    found = [name for name, hint in named.items() if is_callback(hint)]
    if len(found) > 1:
        raise SignatureError(f"{where} has the callbacks {', '.join(found)}: a step waits for one answer.")
    if not found:
        if within is not None:
            raise SignatureError(f"{where} says timeout, and takes no Callback[…]: take one, or leave it out.")
        return None
    max_wait = ANSWER_WITHIN if within is None else within
    if not timedelta(seconds=1) <= max_wait <= LONGEST:
        raise SignatureError(f"{where} waits for {max_wait}: let timeout be a second to a year.")
    events, rest = events_among(get_args(named[found[0]])[0])
    if rest or not events:
        raise SignatureError(f"{where}: write {found[0]}: Callback[AnEvent], or a union of events that have a source.")
    return Expected(found[0], tuple(events), int(max_wait.total_seconds()))


def is_callback(hint: Any) -> bool:
    """Whether an annotation is a callback's, with the events that answer it."""
    return get_origin(hint) is Callback
