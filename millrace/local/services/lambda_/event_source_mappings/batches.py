"""Batches of a stream: the function's event, its response, and the record of a discarded batch.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

import json
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from millrace.local.core.clock import iso, iso_millis
from millrace.local.core.history import references
from millrace.local.core.json_text import parsed
from millrace.local.services.lambda_.destinations import send_to_destination
from millrace.local.services.lambda_.event_source_mappings.readers import Entry, sequence_of
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.services.lambda_.event_source_mappings.stream_poller import StreamPoller

MAX_STATE_BYTES = 1024 * 1024
"""Of a tumbling window. https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html"""
REPORTS = "ReportBatchItemFailures"
Condition = Literal["RetryAttemptsExhausted", "RecordAgeExpired"]


class Consumer(Protocol):
    """Processes batches: the functions of an account and region, or a pipe."""

    def find(self, name: str, /) -> Any:
        """Return the function or pipe of an ARN. Raises LookupError."""

    def name_of(self, arn: str, /) -> str:
        """Return the display name of a function or pipe."""

    def invoke(
        self,
        function: Any,
        payload: bytes,
        done: Callable[[Outcome | None], None],
        /,
        *,
        trace_headers: Iterable[str] = (),
    ) -> str:
        """Process a batch and return the request id. `done` gets the outcome; None if the call was throttled."""


@dataclass
class Window:
    """A tumbling window with the state that its invocations share. Times are in seconds since 1970."""

    start: float
    end: float
    state: Any = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Records for the function. `retries` counts towards MaximumRetryAttempts; `calls` counts every invocation.

    A batch without records ends its `window`; `early` if the state has grown too large.
    """

    entries: list[Entry]
    window: Window | None = None
    early: bool = False
    retries: int = 0
    calls: int = 0

    @property
    def ends_window(self) -> bool:
        """Whether this is the last invocation with the state of its window."""
        return not self.entries

    def payload(self, shard_id: str, stream_arn: str) -> bytes:
        """Return the event of the function."""
        event: dict[str, Any] = {"Records": [entry.record for entry in self.entries]}
        if self.window:
            event["window"] = {"start": iso(self.window.start), "end": iso(self.window.end)}
            event["state"] = self.window.state
            event["shardId"] = shard_id
            event["eventSourceARN"] = stream_arn
            event["isFinalInvokeForWindow"] = self.ends_window and not self.early
            event["isWindowTerminatedEarly"] = self.early
        return json.dumps(event).encode()

    def remaining(self, outcome: Outcome, mapping: Any) -> list["Batch"]:
        """Return the batches to invoke the function with after an invocation."""
        called = replace(self, calls=self.calls + 1)
        if outcome.status != "ok" or not self._has_state(outcome):
            return called.halves() if mapping.bisect_on_error else [called.retried()]
        if REPORTS not in (mapping.function_response_types or ()):
            return []
        return called.from_first_failure(outcome, bisect=bool(mapping.bisect_on_error))

    def halves(self) -> list["Batch"]:
        """Return two halves, which does not count as a retry; retry a single record."""
        middle = len(self.entries) // 2
        if not middle:
            return [self.retried()]
        return [replace(self, entries=part) for part in (self.entries[:middle], self.entries[middle:])]

    def from_first_failure(self, outcome: Outcome, *, bisect: bool) -> list["Batch"]:
        """Return the records from the first failed one on."""
        numbers = [sequence_of(entry.record) for entry in self.entries]
        failed = failed_items(outcome.payload, numbers)
        if not failed:
            return []
        first = min(numbers.index(number) for number in failed)
        rest = replace(self, entries=self.entries[first:])
        return [rest if bisect and first else rest.retried()]

    def retried(self) -> "Batch":
        """Return the batch with one more retry counted."""
        return replace(self, retries=self.retries + 1)

    def _has_state(self, outcome: Outcome) -> bool:
        """A response without state is a failure within a tumbling window, except for the one that ends the window."""
        response = parsed(outcome.payload)
        return not self.window or self.ends_window or (isinstance(response, dict) and "state" in response)


def failed_items(payload: bytes, ids: Collection[str]) -> set[str]:
    """Return the ids in a partial batch response; all ids if the response is invalid.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
    """
    response = parsed(payload)
    if response is None:
        return set() if payload.strip() in (b"", b"null") else set(ids)
    failures = response.get("batchItemFailures") if isinstance(response, dict) else response
    if failures is None or failures == []:
        return set()
    if not isinstance(failures, list) or not isinstance(response, dict):
        return set(ids)
    failed = {failure.get("itemIdentifier") if isinstance(failure, dict) else None for failure in failures}
    return {str(each) for each in failed} if failed <= set(ids) else set(ids)


def discard(poller: "StreamPoller", shard_id: str, batch: Batch, condition: Condition, outcome: Outcome | None) -> None:
    """Send the invocation record of a batch to the mapping's on-failure destination, if it has one.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    region, mapping = poller.region, poller.mapping
    payload = {"Records": [entry.record for entry in batch.entries]}
    destination = ((mapping.destination_config or {}).get("OnFailure") or {}).get("Destination")
    name = poller.consumer.name_of(mapping.function_arn)
    region.record_dead_letter(references(payload), destination or "no destination", name)
    if destination:
        record = _invocation_record(poller, shard_id, batch, condition, outcome)
        folder = f"aws/lambda/{mapping.uuid}/{shard_id}"
        send_to_destination(region, destination, record, folder=folder, payload=json.dumps(payload))


def _invocation_record(
    poller: "StreamPoller", shard_id: str, batch: Batch, condition: Condition, outcome: Outcome | None
) -> dict[str, Any]:
    first, last = batch.entries[0], batch.entries[-1]
    time = iso if poller.reader.info == "DDBStreamBatchInfo" else iso_millis
    return {
        **poller.failure_context(batch.calls, condition, outcome),
        "version": "1.0",
        "timestamp": iso_millis(poller.region.clock.now()),
        poller.reader.info: {
            "shardId": shard_id,
            "startSequenceNumber": sequence_of(first.record),
            "endSequenceNumber": sequence_of(last.record),
            "approximateArrivalOfFirstRecord": time(first.arrived),
            "approximateArrivalOfLastRecord": time(last.arrived),
            "batchSize": len(batch.entries),
            "streamArn": poller.mapping.event_source_arn,
        },
    }
