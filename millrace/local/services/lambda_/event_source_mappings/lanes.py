"""A lane through a shard: records in their order, one batch at a time, until each is handled or given up.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

import json
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from millrace.local.core.json_text import parsed
from millrace.local.core.scheduler import Item
from millrace.local.services.lambda_.event_source_mappings.batches import MOST_STATE_BYTES, Batch, Window
from millrace.local.services.lambda_.event_source_mappings.discarded import Condition, Discarded, discard
from millrace.local.services.lambda_.event_source_mappings.readers import Entry
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.services.lambda_.event_source_mappings.shards import Shard

MOST_BYTES = 6 * 1024 * 1024
"""Of one batch. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
LONGEST_PAUSE = 60.0
"""Seconds between retries; AWS gives no figures."""
_RECORD_BYTES = 512
_MOST_DOUBLINGS = 10


class Lane:
    """One of the lanes of a shard, as many as the mapping's parallelization factor says."""

    def __init__(self, shard: "Shard", number: int, position: int) -> None:
        self.position = position
        self._shard = shard
        self._poller = shard.poller
        self._mapping = shard.poller.mapping
        self._region = shard.poller.region
        self._number = number
        self._todo: deque[Batch] = deque()
        self._busy = False
        self._planned: Item | None = None
        self._opened: float | None = None
        self._window: Window | None = None
        self._pause_ends = 0.0
        self._pauses = 0

    @property
    def idle(self) -> bool:
        """Whether all that it has read is handled."""
        return not self._busy and not self._todo and self._window is None

    def wake(self, due: float = 0.0) -> None:
        """Go on at a moment, now by default; not before a pause between two tries has ended."""
        due = max(due, self._pause_ends, self._region.clock.now())
        if self._planned and not self._planned.done:
            if self._planned.due <= due:
                return
            self._region.scheduler.cancel(self._planned)
        self._planned = self._region.scheduler.at(due, self._step, f"poll of {self._poller.name}")

    def _step(self) -> None:
        if self._busy or not self._poller.active or not self._shard.open:
            return
        if not self._todo:
            self._gather()
        if self._todo:
            self._try()

    # -- how a batch is gathered ---------------------------------------------------------------------------------

    def _gather(self) -> None:
        now = self._region.clock.now()
        if self._shard.rearrange() or self._still_waits(now):
            return
        entries, scanned = self._read()
        if self._window and (entries[0].arrived if entries else now) >= self._window.end:
            self._todo.append(Batch([], self._window))
        elif not entries:
            self._nothing_to_do(scanned)
        elif not self._opens_window(entries, now):
            self.position, self._opened = scanned, None
            self._todo.append(Batch(entries, self._window_of(entries[0])))

    def _nothing_to_do(self, scanned: int) -> None:
        self.position = scanned
        if self._window:
            self.wake(self._window.end)
        else:
            self._shard.drained()

    def _read(self) -> tuple[list[Entry], int]:
        """The entries of the next batch, and the number up to which the shard was read for it."""
        entries: list[Entry] = []
        scanned, room = self.position, MOST_BYTES
        for entry in self._shard.after(self.position):
            if self._shard.is_of(entry, self._number):
                room -= entry.size + _RECORD_BYTES
                full = room < 0 or len(entries) >= self._mapping.batch_size
                if entries and (full or self._parted(entry, entries[0])):
                    break
                entries.append(entry)
            scanned = entry.number
        return entries, scanned

    def _still_waits(self, now: float) -> bool:
        """Whether the batching window is open and cannot be full yet."""
        few = self._shard.last - self.position < self._mapping.batch_size
        if not self._opened or not few or now >= self._closes():
            return False
        self.wake(self._closes())
        return True

    def _opens_window(self, entries: list[Entry], now: float) -> bool:
        """Whether the batch waits for more, in the batching window that its first record has opened."""
        if not self._mapping.max_batch_window or len(entries) >= self._mapping.batch_size:
            return False
        self._opened = self._opened or now
        if now >= self._closes():
            return False
        self.wake(self._closes())
        return True

    def _closes(self) -> float:
        return (self._opened or 0.0) + (self._mapping.max_batch_window or 0)

    # -- tumbling windows ----------------------------------------------------------------------------------------

    def _parted(self, entry: Entry, first: Entry) -> bool:
        """Whether an entry belongs to a later tumbling window than another."""
        width = self._mapping.tumbling_window
        return bool(width) and entry.arrived // width != first.arrived // width

    def _window_of(self, entry: Entry) -> Window | None:
        width = self._mapping.tumbling_window
        if width and not self._window:
            start = entry.arrived // width * width
            self._window = Window(start, start + width)
        return self._window

    def _keep_state(self, outcome: Outcome, batch: Batch) -> None:
        """Hand the answer's state on to the next invocation; what ends a window drops it."""
        window, answer = batch.window, parsed(outcome.payload)
        if not window or outcome.status != "ok":
            return
        if batch.ends_window:
            window.state = {}
            self._window = window if batch.early else None
        elif isinstance(answer, dict) and "state" in answer:
            window.state = answer["state"]
            if len(json.dumps(window.state)) > MOST_STATE_BYTES:
                self._todo.appendleft(Batch([], window, early=True))

    # -- how a batch is tried ------------------------------------------------------------------------------------

    def _try(self) -> None:
        batch = self._unexpired(self._todo.popleft())
        if batch is None:
            self.wake()
            return
        self._todo.appendleft(batch)
        try:
            function = self._poller.functions.find(self._mapping.function_arn)
        except LookupError:
            self._pause()
            return
        self._busy = True
        payload = batch.payload(self._shard.shard_id, self._mapping.event_source_arn)
        self._poller.functions.invoke(function, payload, lambda outcome: self._ended(batch, outcome))

    def _ended(self, batch: Batch, outcome: Outcome | None) -> None:
        self._busy = False
        if outcome is None:
            self._pause()
            return
        self._todo.popleft()
        left = [each for each in batch.left(outcome, self._mapping) if not self._exhausted(each, outcome)]
        self._todo.extendleft(reversed(left))
        self._keep_state(outcome, batch)
        if left and left[0].retries > batch.retries:
            self._pause()
        else:
            self._pauses, self._pause_ends = 0, 0.0
            self.wake()

    def _pause(self) -> None:
        self._pause_ends = self._region.clock.now() + min(LONGEST_PAUSE, 2.0**self._pauses)
        self._pauses = min(self._pauses + 1, _MOST_DOUBLINGS)
        self.wake()

    def _unexpired(self, batch: Batch) -> Batch | None:
        """A batch without the records that are too old by now; None if nothing is left of it."""
        oldest = self._region.clock.now() - self._most_age()
        if batch.ends_window:
            if batch.window and batch.window.end < oldest:
                self._window = None
                return None
            return batch
        kept = [entry for entry in batch.entries if entry.arrived >= oldest]
        if len(kept) < len(batch.entries):
            expired = [entry for entry in batch.entries if entry.arrived < oldest]
            self._discard(replace(batch, entries=expired), "RecordAgeExpired", None)
        return replace(batch, entries=kept) if kept else None

    def _most_age(self) -> float:
        age = self._mapping.max_record_age
        kept = self._poller.reader.retention
        return kept if age is None or age < 0 else min(float(age), kept)

    def _exhausted(self, batch: Batch, outcome: Outcome) -> bool:
        """Give a batch up that may not be retried any more."""
        most = self._mapping.max_retry_attempts
        if most is None or most < 0 or batch.retries <= most or batch.ends_window:
            return False
        self._discard(batch, "RetryAttemptsExhausted", outcome)
        return True

    def _discard(self, batch: Batch, condition: Condition, outcome: Outcome | None) -> None:
        info = self._poller.reader.info
        given_up = Discarded(batch.entries, self._shard.shard_id, info, condition, batch.calls, outcome)
        discard(self._poller, given_up)
