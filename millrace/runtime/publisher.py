"""Publish events with PutEvents, and retry the entries that failed.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Protocol, cast

from millrace.events import Envelope, put_entry
from millrace.events.envelope import PutEntry, entry_bytes
from millrace.runtime.environment import BUS, client, required

MAX_ENTRIES = 10
"""Entries of one PutEvents call."""
MAX_REQUEST_BYTES = 1_048_576
"""Bytes of all entries of one call: 1 MiB."""
RETRIABLE = frozenset({"InternalFailure", "InternalException", "ThrottlingException", "ServiceUnavailable"})
"""The error codes of a failed entry that can be retried."""


class PublishError(RuntimeError):
    """EventBridge rejected entries, also after retries. `rejected` contains (entry, code, message)."""

    def __init__(self, rejected: list[tuple[PutEntry, str, str]]) -> None:
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
        self._client = client
        self._bus = bus
        self._attempts = attempts
        self._pause = pause
        self._sleep = sleep

    def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish events in order, at most ten and 1 MiB in a call."""
        rejected = [
            failure
            for entries in _calls([put_entry(envelope, self._bus) for envelope in envelopes])
            for failure in self._put(entries)
        ]
        if rejected:
            raise PublishError(rejected)

    def _put(self, entries: list[PutEntry]) -> list[tuple[PutEntry, str, str]]:
        final: list[tuple[PutEntry, str, str]] = []
        for attempt in range(self._attempts):
            failures = self._put_once(entries)
            again = [failure for failure in failures if failure[1] in RETRIABLE]
            final += [failure for failure in failures if failure[1] not in RETRIABLE]
            if not again:
                return final
            if attempt + 1 == self._attempts:
                return final + again
            entries = [entry for entry, _, _ in again]
            self._sleep(self._pause * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - jitter is no secret
        return final

    def _put_once(self, entries: list[PutEntry]) -> list[tuple[PutEntry, str, str]]:
        response = self._client.put_events(Entries=entries)
        if not response["FailedEntryCount"]:
            return []
        return [
            (entry, result["ErrorCode"], result.get("ErrorMessage", ""))
            for entry, result in zip(entries, response["Entries"], strict=True)
            if result.get("ErrorCode")
        ]


@cache
def publisher() -> Publisher:
    """Return the publisher to the bus that the construct names."""
    bus = required(BUS, "the construct of a function that publishes sets it.")
    return Publisher(cast("EventsClient", client("events")), bus)


def _calls(entries: list[PutEntry]) -> Iterator[list[PutEntry]]:
    call: list[PutEntry] = []
    size = 0
    for entry in entries:
        more = entry_bytes(entry)
        if call and (len(call) == MAX_ENTRIES or size + more > MAX_REQUEST_BYTES):
            yield call
            call, size = [], 0
        call.append(entry)
        size += more
    if call:
        yield call
