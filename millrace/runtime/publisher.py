"""Publish events with PutEvents, and retry the entries that failed.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

import time
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol, cast

from millrace.events import Envelope, put_entry
from millrace.events.envelope import PutEntry, entry_bytes
from millrace.runtime.entries import EntrySender, Refused
from millrace.runtime.environment import BUS, client, required

MAX_ENTRIES = 10
"""Entries of one PutEvents call."""
MAX_REQUEST_BYTES = 1_048_576
"""Bytes of all entries of one call: 1 MiB."""
RETRIABLE = frozenset({"InternalFailure", "InternalException", "ThrottlingException", "ServiceUnavailable"})
"""The error codes of a failed entry that can be retried."""


class PublishError(RuntimeError):
    """EventBridge rejected entries, also after retries. `rejected` contains (entry, code, message)."""

    def __init__(self, rejected: Refused[PutEntry]) -> None:
        self.rejected = rejected
        details = "; ".join(f"{entry['DetailType']}: {code}: {message}" for entry, code, message in rejected)
        super().__init__(f"EventBridge rejected {len(rejected)} event(s): {details}")


class EventsClient(Protocol):
    """The method of the boto3 client `events` that a publisher calls."""

    def put_events(self, *, Entries: list[PutEntry]) -> Any:  # noqa: N803 - AWS's own name
        """Call PutEvents."""


class Publisher:
    """Publishes events to one bus, and retries the entries that failed.

    Retry n follows after `pause` x 2^n seconds, or down to half of that. Raises PublishError if entries still fail.
    """

    def __init__(
        self,
        client: EventsClient,
        bus: str,
        *,
        attempts: int = 5,
        pause: float = 0.1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bus = bus
        self._sender: EntrySender[PutEntry] = EntrySender(
            send=lambda entries: cast("list[Any]", client.put_events(Entries=entries)["Entries"]),
            size=entry_bytes,
            max_entries=MAX_ENTRIES,
            max_bytes=MAX_REQUEST_BYTES,
            attempts=attempts,
            pause=pause,
            sleep=sleep,
            retriable=RETRIABLE,
        )

    def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish events in order, at most ten and 1 MiB in a call."""
        _, rejected = self._sender.put([put_entry(envelope, self._bus) for envelope in envelopes])
        if rejected:
            raise PublishError(rejected)


@cache
def publisher() -> Publisher:
    """Return the publisher to the bus that the construct names."""
    bus = required(BUS, "the construct of a function that publishes sets it.")
    return Publisher(cast("EventsClient", client("events")), bus)
