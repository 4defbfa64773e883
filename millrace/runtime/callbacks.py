"""The callback parameter of a step that waits for an answer from an external system.

`def handler(order: OrderPlaced, callback: Callback[ShipmentArranged | ShipmentRefused]) -> ShippingRequested` sends a
request that contains `callback.id`. Its task waits until one of these events is sent to `POST /callbacks/{id}` of the
API. That event is published and added to the flow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar, get_args, get_origin

from millrace.events import Event
from millrace.runtime.signatures import SignatureError, events_among

A = TypeVar("A", bound=Event)
DEFAULT_TIMEOUT = timedelta(days=1)
LONGEST = timedelta(days=365)
"""https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-state-machine-executions"""


@dataclass(frozen=True)
class Callback(Generic[A]):
    """A callback. The external system needs the `id` to answer it, once."""

    id: str = field(repr=False)


@dataclass(frozen=True)
class Expected:
    """The callback parameter of a step: the events that can answer it, and its timeout in seconds."""

    name: str
    events: tuple[type[Event], ...]
    seconds: int

    @property
    def names(self) -> list[str]:
        """The names of the events in the graph."""
        return [event.contract.name for event in self.events]


def expected_among(named: Mapping[str, Any], timeout: timedelta | None, where: str) -> Expected | None:
    """Return the callback among the parameters. Raises SignatureError."""
    found = [name for name, hint in named.items() if is_callback(hint)]
    if len(found) > 1:
        raise SignatureError(f"{where} has the callbacks {', '.join(found)}: a step waits for one callback.")
    if not found:
        if timeout is not None:
            raise SignatureError(f"{where} has a timeout but no Callback[…]: add a callback, or remove the timeout.")
        return None
    limit = DEFAULT_TIMEOUT if timeout is None else timeout
    if not timedelta(seconds=1) <= limit <= LONGEST:
        raise SignatureError(f"{where} has a timeout of {limit}: choose one from a second to a year.")
    events, rest = events_among(get_args(named[found[0]])[0])
    if rest or not events:
        raise SignatureError(f"{where}: write {found[0]}: Callback[AnEvent], or a union of events with a source.")
    return Expected(found[0], tuple(events), int(limit.total_seconds()))


def is_callback(hint: Any) -> bool:
    """Whether an annotation is a Callback of events."""
    return get_origin(hint) is Callback
