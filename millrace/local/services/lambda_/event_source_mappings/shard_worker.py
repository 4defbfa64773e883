"""A shard worker: processes the records of its partition keys in order, one batch at a time.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import json
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from millrace.local.core.json_text import parsed
from millrace.local.core.scheduler import ScheduledAction
from millrace.local.services.lambda_.event_source_mappings.batches import (
    MAX_STATE_BYTES,
    Batch,
    Condition,
    Window,
    discard,
)
from millrace.local.services.lambda_.event_source_mappings.readers import Entry
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.services.lambda_.event_source_mappings.shard import Shard

MAX_BATCH_BYTES = 6 * 1024 * 1024
"""https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
MAX_RETRY_DELAY = 60.0
"""Seconds. AWS publishes no retry delays."""
_RECORD_OVERHEAD = 512
_MAX_DOUBLINGS = 10


class ShardWorker:
    """One of a shard's workers. The mapping's ParallelizationFactor is their number."""

    def __init__(self, shard: "Shard", number: int, position: int) -> None:
        self.position = position
        self._shard = shard
        self._poller = shard.poller
        self._mapping = shard.poller.mapping
        self._region = shard.poller.region
        self._number = number
        self._batches: deque[Batch] = deque()
        self._invoking = False
        self._next_step: ScheduledAction | None = None
        self._batching_since: float | None = None
        self._window: Window | None = None
        self._retry_at = 0.0
        self._consecutive_retries = 0

    @property
    def idle(self) -> bool:
        """Whether it has processed all that it has read."""
        return not self._invoking and not self._batches and self._window is None

    def wake(self, due: float = 0.0) -> None:
        """Schedule the next step for `due`, by default now, but not before the retry delay ends."""
        due = max(due, self._retry_at, self._region.clock.now())
        if self._next_step and not self._next_step.done:
            if self._next_step.due <= due:
                return
            self._region.scheduler.cancel(self._next_step)
        self._next_step = self._region.scheduler.at(due, self._step, f"poll of {self._poller.name}")

    def _step(self) -> None:
        if self._invoking or not self._poller.active or not self._shard.open:
            return
        if not self._batches:
            self._read_batch()
        if self._batches:
            self._invoke()

    # -- reading a batch -----------------------------------------------------------------------------------------

    def _read_batch(self) -> None:
        now = self._region.clock.now()
        if self._shard.change_parallelization_factor() or self._is_batching(now):
            return
        entries, position = self._read()
        if self._window and (entries[0].arrived if entries else now) >= self._window.end:
            self._batches.append(Batch([], self._window))
        elif not entries:
            self._wait_for_records(position)
        elif not self._starts_batching(entries, now):
            self.position, self._batching_since = position, None
            self._batches.append(Batch(entries, self._window_of(entries[0])))

    def _wait_for_records(self, position: int) -> None:
        self.position = position
        if self._window:
            self.wake(self._window.end)
        else:
            self._poller.wake_children(self._shard.shard_id)

    def _read(self) -> tuple[list[Entry], int]:
        """Return the entries of the next batch, and the number of the last entry read for it."""
        entries: list[Entry] = []
        position, free_bytes = self.position, MAX_BATCH_BYTES
        for entry in self._shard.after(self.position):
            if self._shard.belongs_to(entry, self._number):
                free_bytes -= entry.size + _RECORD_OVERHEAD
                full = free_bytes < 0 or len(entries) >= self._mapping.batch_size
                if entries and (full or self._in_later_window(entry, entries[0])):
                    break
                entries.append(entry)
            position = entry.number
        return entries, position

    def _is_batching(self, now: float) -> bool:
        """Return whether the batching window is open and the unread records cannot fill the batch."""
        few = self._shard.last - self.position < self._mapping.batch_size
        if not self._batching_since or not few or now >= self._batching_ends():
            return False
        self.wake(self._batching_ends())
        return True

    def _starts_batching(self, entries: list[Entry], now: float) -> bool:
        """Return whether the batch waits for more records, in the batching window that its first record opens."""
        if not self._mapping.max_batch_window or len(entries) >= self._mapping.batch_size:
            return False
        self._batching_since = self._batching_since or now
        if now >= self._batching_ends():
            return False
        self.wake(self._batching_ends())
        return True

    def _batching_ends(self) -> float:
        return (self._batching_since or 0.0) + (self._mapping.max_batch_window or 0)

    # -- tumbling windows ----------------------------------------------------------------------------------------

    def _in_later_window(self, entry: Entry, first: Entry) -> bool:
        width = self._mapping.tumbling_window
        return bool(width) and entry.arrived // width != first.arrived // width

    def _window_of(self, entry: Entry) -> Window | None:
        width = self._mapping.tumbling_window
        if width and not self._window:
            start = entry.arrived // width * width
            self._window = Window(start, start + width)
        return self._window

    def _keep_state(self, outcome: Outcome, batch: Batch) -> None:
        """Pass the returned state to the next invocation, unless this one ends the window."""
        window, response = batch.window, parsed(outcome.payload)
        if not window or outcome.status != "ok":
            return
        if batch.ends_window:
            window.state = {}
            self._window = window if batch.early else None
        elif isinstance(response, dict) and "state" in response:
            window.state = response["state"]
            if len(json.dumps(window.state)) > MAX_STATE_BYTES:
                self._batches.appendleft(Batch([], window, early=True))

    # -- invoking the function -----------------------------------------------------------------------------------

    def _invoke(self) -> None:
        batch = self._unexpired(self._batches.popleft())
        if batch is None:
            self.wake()
            return
        self._batches.appendleft(batch)
        try:
            function = self._poller.consumer.find(self._mapping.function_arn)
        except LookupError:
            self._retry_later()
            return
        self._invoking = True
        payload = batch.payload(self._shard.shard_id, self._mapping.event_source_arn)
        self._poller.consumer.invoke(function, payload, lambda outcome: self._invoked(batch, outcome))

    def _invoked(self, batch: Batch, outcome: Outcome | None) -> None:
        self._invoking = False
        if outcome is None:
            self._retry_later()
            return
        self._batches.popleft()
        remaining = [each for each in batch.remaining(outcome, self._mapping) if not self._exhausted(each, outcome)]
        self._batches.extendleft(reversed(remaining))
        self._keep_state(outcome, batch)
        if remaining and remaining[0].retries > batch.retries:
            self._retry_later()
        else:
            self._consecutive_retries, self._retry_at = 0, 0.0
            self.wake()

    def _retry_later(self) -> None:
        self._retry_at = self._region.clock.now() + min(MAX_RETRY_DELAY, 2.0**self._consecutive_retries)
        self._consecutive_retries = min(self._consecutive_retries + 1, _MAX_DOUBLINGS)
        self.wake()

    def _unexpired(self, batch: Batch) -> Batch | None:
        """Discard the expired records of a batch. Return the others; None if there are none."""
        oldest = self._region.clock.now() - self._max_age()
        if batch.ends_window:
            if batch.window and batch.window.end < oldest:
                self._window = None
                return None
            return batch
        young = [entry for entry in batch.entries if entry.arrived >= oldest]
        if len(young) < len(batch.entries):
            expired = [entry for entry in batch.entries if entry.arrived < oldest]
            self._discard(replace(batch, entries=expired), "RecordAgeExpired", None)
        return replace(batch, entries=young) if young else None

    def _max_age(self) -> float:
        age, retention = self._mapping.max_record_age, self._poller.reader.retention
        return retention if age is None or age < 0 else min(float(age), retention)

    def _exhausted(self, batch: Batch, outcome: Outcome) -> bool:
        """Discard a batch that has used up its retries."""
        limit = self._mapping.max_retry_attempts
        if limit is None or limit < 0 or batch.retries <= limit or batch.ends_window:
            return False
        self._discard(batch, "RetryAttemptsExhausted", outcome)
        return True

    def _discard(self, batch: Batch, condition: Condition, outcome: Outcome | None) -> None:
        discard(self._poller, self._shard.shard_id, batch, condition, outcome)
