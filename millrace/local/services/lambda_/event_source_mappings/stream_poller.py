"""A stream of Kinesis or of a DynamoDB table as a source of events.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from millrace.local.services.lambda_.destinations import Destinations
from millrace.local.services.lambda_.event_source_mappings.filters import Filters
from millrace.local.services.lambda_.event_source_mappings.readers import Reader, ShardView, started_at
from millrace.local.services.lambda_.event_source_mappings.shards import Shard
from millrace.local.services.lambda_.functions import Functions

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


class StreamPoller:
    """Reads every shard of a stream for one mapping, whatever other mappings read."""

    def __init__(
        self, region: "AccountRegion", functions: Functions, destinations: Destinations, mapping: Any, reader: Reader
    ) -> None:
        self.region = region
        self.functions = functions
        self.destinations = destinations
        self.mapping = mapping
        self.reader = reader
        self.filters = Filters(mapping)
        self.name = mapping.event_source_arn.rpartition("/")[2]
        self._stopped = False
        self._shards: dict[str, Shard] = {}
        for view in reader.shards():
            self._shards[view.shard_id] = Shard(self, view, self._start_of(view))

    @property
    def active(self) -> bool:
        """Whether it may read on."""
        return bool(self.mapping.enabled) and not self._stopped

    @property
    def factor(self) -> int:
        """How many batches of a shard may be in flight at once."""
        return int(self.mapping.parallelization_factor or 1)

    @property
    def role(self) -> str:
        """The role of the function, which each Kinesis record names."""
        try:
            return str(self.functions.find(self.mapping.function_arn).role)
        except LookupError:
            return ""

    def wake(self) -> None:
        """Read what is new, in new shards too; those are read from their beginning."""
        if not self.active:
            return
        for view in self.reader.shards():
            if view.shard_id not in self._shards:
                self._shards[view.shard_id] = Shard(self, view, 0)
        for shard in self._shards.values():
            shard.wake()

    def stop(self) -> None:
        """Read no more; a batch that is in flight ends."""
        self._stopped = True

    def all_finished(self, shard_ids: Iterable[str]) -> bool:
        """Whether some shards are handled to their end."""
        return all(self._shards[shard_id].finished for shard_id in shard_ids if shard_id in self._shards)

    def wake_children(self, shard_id: str) -> None:
        """Let the shards go on that were made of one that may be finished now."""
        for shard in self._shards.values():
            if shard_id in shard.parents:
                shard.wake()

    def _start_of(self, view: ShardView) -> int:
        """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html."""
        position = self.mapping.starting_position
        if position == "LATEST":
            return self.reader.last(view.shard_id)
        if position == "AT_TIMESTAMP":
            return self._before(view.shard_id, started_at(self.mapping.starting_position_timestamp))
        return 0

    def _before(self, shard_id: str, moment: float) -> int:
        number = 0
        for entry in self.reader.after(shard_id, 0, ""):
            if entry.arrived >= moment:
                break
            number = entry.number
        return number
