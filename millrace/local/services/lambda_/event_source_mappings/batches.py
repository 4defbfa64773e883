"""Batches of a stream: what the function is handed, and what its answer leaves to be done.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from millrace.local.core.clock import iso
from millrace.local.core.json_text import parsed
from millrace.local.services.lambda_.event_source_mappings.answers import REPORTS, failed_items
from millrace.local.services.lambda_.event_source_mappings.readers import Entry, sequence_of
from millrace.local.workers import Outcome

MOST_STATE_BYTES = 1024 * 1024
"""Of a tumbling window. https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html"""


@dataclass
class Window:
    """A tumbling window with the state that its invocations hand on; moments are seconds since 1970."""

    start: float
    end: float
    state: Any = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Records on their way to the function. `retries` counts what the quota counts, `calls` every invocation.

    One without records ends its `window`, for good or, `early`, because its state has grown too large.
    """

    entries: list[Entry]
    window: Window | None = None
    early: bool = False
    retries: int = 0
    calls: int = 0

    @property
    def ends_window(self) -> bool:
        """Whether this is the last invocation of a window's state."""
        return not self.entries

    def payload(self, shard_id: str, stream_arn: str) -> bytes:
        """The event that the function gets."""
        event: dict[str, Any] = {"Records": [entry.record for entry in self.entries]}
        if self.window:
            event["window"] = {"start": iso(self.window.start), "end": iso(self.window.end)}
            event["state"] = self.window.state
            event["shardId"] = shard_id
            event["eventSourceARN"] = stream_arn
            event["isFinalInvokeForWindow"] = self.ends_window and not self.early
            event["isWindowTerminatedEarly"] = self.early
        return json.dumps(event).encode()

    def left(self, outcome: Outcome, mapping: Any) -> list["Batch"]:
        """What is still to be done of this batch after an invocation."""
        again = replace(self, calls=self.calls + 1)
        if outcome.status != "ok" or not self._state_is_told(outcome):
            return again.split() if mapping.bisect_on_error else [again.retried()]
        if REPORTS not in (mapping.function_response_types or ()):
            return []
        return again.behind(outcome, bisect=bool(mapping.bisect_on_error))

    def split(self) -> list["Batch"]:
        """Two halves, which uses up no retry; a single record is retried."""
        middle = len(self.entries) // 2
        if not middle:
            return [self.retried()]
        return [replace(self, entries=part) for part in (self.entries[:middle], self.entries[middle:])]

    def behind(self, outcome: Outcome, *, bisect: bool) -> list["Batch"]:
        """The records from the first failed one on."""
        numbers = [sequence_of(entry.record) for entry in self.entries]
        failed = failed_items(outcome.payload, numbers)
        if not failed:
            return []
        first = min(numbers.index(number) for number in failed)
        rest = replace(self, entries=self.entries[first:])
        return [rest if bisect and first else rest.retried()]

    def retried(self) -> "Batch":
        """The same once more."""
        return replace(self, retries=self.retries + 1)

    def _state_is_told(self, outcome: Outcome) -> bool:
        """With a window an answer without state is a failure; what ends the window may answer as it likes."""
        answer = parsed(outcome.payload)
        return not self.window or self.ends_window or (isinstance(answer, dict) and "state" in answer)
