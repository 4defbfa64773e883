"""A shard as a mapping reads it: its lanes, and when its turn comes.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
"""

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from millrace.local.services.lambda_.event_source_mappings.lanes import Lane
from millrace.local.services.lambda_.event_source_mappings.readers import Entry, ShardView

if TYPE_CHECKING:
    from millrace.local.services.lambda_.event_source_mappings.stream_poller import StreamPoller


class Shard:
    """One shard of one mapping: read from a position on, after those from which it was made."""

    def __init__(self, poller: "StreamPoller", view: ShardView, position: int) -> None:
        self.poller = poller
        self.shard_id = view.shard_id
        self.parents = view.parents
        self._lanes: list[Lane] = []
        self._done: set[int] = set()
        self._make_lanes(position)

    @property
    def last(self) -> int:
        """The number of the newest record."""
        return self.poller.reader.last(self.shard_id)

    @property
    def finished(self) -> bool:
        """Whether all of it is handled."""
        return all(lane.idle and lane.position >= self.last for lane in self._lanes)

    @property
    def open(self) -> bool:
        """Whether its turn has come: the shards that were split or merged into it are finished."""
        return self.poller.all_finished(self.parents)

    def wake(self) -> None:
        """Read what is new."""
        for lane in self._lanes:
            lane.wake()

    def drained(self) -> None:
        """Tell that a lane has nothing left to read."""
        self.poller.wake_children(self.shard_id)

    def after(self, position: int) -> Iterator[Entry]:
        """The records behind a position, those that were handled before the lanes were rearranged left out."""
        for entry in self.poller.reader.after(self.shard_id, position, self.poller.role):
            if entry.number not in self._done:
                yield entry

    def is_of(self, entry: Entry, number: int) -> bool:
        """Whether a record goes to a lane and passes the filters."""
        return self._lane_of(entry) == number and self.poller.filters.take(entry.record)

    def rearrange(self) -> bool:
        """Make other lanes if the parallelization factor was changed. True while, or because, it was."""
        if self.poller.factor == len(self._lanes):
            return False
        if all(lane.idle for lane in self._lanes):
            low = min(lane.position for lane in self._lanes)
            self._done |= {e.number for e in self.after(low) if e.number <= self._lanes[self._lane_of(e)].position}
            self._make_lanes(low)
            self.wake()
        return True

    def _make_lanes(self, position: int) -> None:
        self._lanes = [Lane(self, number, position) for number in range(self.poller.factor)]

    def _lane_of(self, entry: Entry) -> int:
        """Records of one key keep their order, as they share a lane."""
        return zlib.crc32(entry.key.encode()) % len(self._lanes) if len(self._lanes) > 1 else 0
