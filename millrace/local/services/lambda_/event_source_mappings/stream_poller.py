"""A Kinesis or DynamoDB stream as an event source.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

import uuid
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from millrace.local.services.lambda_.event_source_mappings.batches import Condition, Consumer
from millrace.local.services.lambda_.event_source_mappings.filters import Filters
from millrace.local.services.lambda_.event_source_mappings.readers import ShardView, reader_of, timestamp_of
from millrace.local.services.lambda_.event_source_mappings.shard import Shard
from millrace.local.workers import Outcome

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


class StreamPoller:
    """Reads every shard of a stream for one mapping."""

    def __init__(self, region: "AccountRegion", consumer: Consumer, mapping: Any) -> None:
        self.region = region
        self.consumer = consumer
        self.mapping = mapping
        self.reader = reader_of(region.backends, mapping.event_source_arn, self._role)
        self.filters = Filters(mapping)
        self.name = mapping.event_source_arn.rpartition("/")[2]
        self._stopped = False
        self._shards: dict[str, Shard] = {}
        for view in self.reader.shards():
            self._shards[view.shard_id] = Shard(self, view, self._starting_position(view))

    @property
    def active(self) -> bool:
        """Whether the mapping is enabled and not deleted."""
        return bool(self.mapping.enabled) and not self._stopped

    @property
    def parallelization_factor(self) -> int:
        """The maximum number of batches of a shard in flight."""
        return int(self.mapping.parallelization_factor or 1)

    def wake(self) -> None:
        """Read new records, and new shards from their beginning."""
        if not self.active:
            return
        for view in self.reader.shards():
            if view.shard_id not in self._shards:
                self._shards[view.shard_id] = Shard(self, view, 0)
        for shard in self._shards.values():
            shard.wake()

    def stop(self) -> None:
        """Stop reading. Batches in flight continue."""
        self._stopped = True

    def all_finished(self, shard_ids: Iterable[str]) -> bool:
        """Return whether every record of these shards is processed."""
        return all(self._shards[shard_id].finished for shard_id in shard_ids if shard_id in self._shards)

    def wake_children(self, shard_id: str) -> None:
        """Wake the shards that a shard was split or merged into."""
        for shard in self._shards.values():
            if shard_id in shard.parents:
                shard.wake()

    def failure_context(self, calls: int, condition: Condition, outcome: Outcome | None) -> dict[str, Any]:
        """Return the part of an invocation record about the function.

        https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
        """
        context = {
            "requestId": outcome.request_id if outcome else str(uuid.uuid4()),
            "functionArn": self.mapping.function_arn,
            "condition": condition,
            "approximateInvokeCount": calls,
        }
        if outcome is None:
            return {"requestContext": context}
        failed = None if outcome.status == "ok" else "Unhandled"
        response = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": failed}
        return {"requestContext": context, "responseContext": response}

    def _role(self) -> str:
        """Return the role of the function, which is in each Kinesis record; empty if the function was deleted."""
        try:
            return str(self.consumer.find(self.mapping.function_arn).role)
        except LookupError:
            return ""

    def _starting_position(self, view: ShardView) -> int:
        """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html."""
        position = self.mapping.starting_position
        if position == "LATEST":
            return self.reader.last(view.shard_id)
        if position == "AT_TIMESTAMP":
            return self._last_before(view.shard_id, timestamp_of(self.mapping.starting_position_timestamp))
        return 0

    def _last_before(self, shard_id: str, moment: float) -> int:
        number = 0
        for entry in self.reader.after(shard_id, 0):
            if entry.arrived >= moment:
                break
            number = entry.number
        return number
