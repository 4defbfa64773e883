"""A shard as one mapping reads it, with its workers.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
"""

import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from millrace.local.services.lambda_.event_source_mappings.readers import Entry, ShardView
from millrace.local.services.lambda_.event_source_mappings.shard_worker import ShardWorker

if TYPE_CHECKING:
    from millrace.local.services.lambda_.event_source_mappings.stream_poller import StreamPoller


class Shard:
    """One shard of one mapping, read from `position` on, after its parent shards."""

    def __init__(self, poller: "StreamPoller", view: ShardView, position: int) -> None:
        self.poller = poller
        self.shard_id = view.shard_id
        self.parents = view.parents
        self._processed: set[int] = set()
        self._workers = self._start_workers(position)

    @property
    def last(self) -> int:
        """The number of the newest record."""
        return self.poller.reader.last(self.shard_id)

    @property
    def finished(self) -> bool:
        """Whether every record is processed."""
        return all(worker.idle and worker.position >= self.last for worker in self._workers)

    @property
    def open(self) -> bool:
        """Whether its parent shards are finished."""
        return self.poller.all_finished(self.parents)

    def wake(self) -> None:
        """Read new records."""
        for worker in self._workers:
            worker.wake()

    def after(self, position: int) -> Iterator[Entry]:
        """Yield the records after a position, without those processed before the parallelization factor changed."""
        for entry in self.poller.reader.after(self.shard_id, position):
            if entry.number not in self._processed:
                yield entry

    def belongs_to(self, entry: Entry, number: int) -> bool:
        """Return whether a record belongs to a worker and passes the filters."""
        return self._worker_of(entry) == number and self.poller.filters.match(entry.record)

    def change_parallelization_factor(self) -> bool:
        """Replace the workers if the factor has changed and all are idle. Return whether it has changed."""
        if self.poller.parallelization_factor == len(self._workers):
            return False
        if all(worker.idle for worker in self._workers):
            low = min(worker.position for worker in self._workers)
            done = (e for e in self.after(low) if e.number <= self._workers[self._worker_of(e)].position)
            self._processed |= {entry.number for entry in done}
            self._workers = self._start_workers(low)
            self.wake()
        return True

    def _start_workers(self, position: int) -> list[ShardWorker]:
        return [ShardWorker(self, number, position) for number in range(self.poller.parallelization_factor)]

    def _worker_of(self, entry: Entry) -> int:
        """Return the worker of a record. Records with the same key share one, which keeps their order."""
        return zlib.crc32(entry.key.encode()) % len(self._workers) if len(self._workers) > 1 else 0
