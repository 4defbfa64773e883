"""PutEvents, until every entry is in.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
"""

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, Protocol, cast

from millrace.events import Envelope, put_entry
from millrace.events.envelope import PutEntry, entry_bytes

MAX_ENTRIES = 10
"""Entries of one PutEvents call."""
MAX_REQUEST_BYTES = 1_048_576
"""Bytes of all entries of one call: 1 MiB."""
RETRIABLE = frozenset({"InternalFailure", "InternalException", "ThrottlingException", "ServiceUnavailable"})
"""The codes of a refused entry that may pass the next time; the others never will."""


class PublishError(RuntimeError):
    """Entries that EventBridge refused for good. `rejected` holds (entry, code, message)."""

    def __init__(self, refused: list[tuple[PutEntry, str, str]]) -> None:
        self.rejected = refused
        told = "; ".join(f"{entry['DetailType']}: {code}: {message}" for entry, code, message in refused)
        super().__init__(f"EventBridge refused {len(refused)} event(s): {told}")


class EventsClient(Protocol):
    """As much of boto3's client for `events` as a publisher needs."""

    def put_events(self, *, Entries: list[PutEntry]) -> Any:  # noqa: N803 - AWS's own name
        """As boto3's."""


class Publisher:
    """Puts events onto one bus, resending just the entries that were refused.

    Waits between `pause` x 2^n seconds and half of that before resend n, and raises PublishError if entries remain.
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
        """Put all events, in their order, at most ten and 1 MiB a call."""
        refused = [
            failure
            for entries in _calls([put_entry(envelope, self._bus) for envelope in envelopes])
            for failure in self._put(entries)
        ]
        if refused:
            raise PublishError(refused)

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
        answer = self._client.put_events(Entries=entries)
        if not answer["FailedEntryCount"]:
            return []
        return [
            (entry, result["ErrorCode"], result.get("ErrorMessage", ""))
            for entry, result in zip(entries, answer["Entries"], strict=True)
            if result.get("ErrorCode")
        ]


@cache
def publisher() -> Publisher:
    """The publisher onto the bus that the construct names."""
    if "MILLRACE_BUS" not in os.environ:
        raise LookupError("MILLRACE_BUS is not set: the construct of a function that publishes sets it.")
    import boto3  # noqa: PLC0415 - a handler that publishes nothing need not wait for boto3

    return Publisher(cast("EventsClient", boto3.client("events")), os.environ["MILLRACE_BUS"])


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
