"""The table of an event store: streams of versioned events, and the positions of all events.

An event is one item, written once, with the key `stream` and `version`. Stream names that start with `$` are reserved
for the store. An event is pending until it is published; then it gets its position in the log, which has no gaps. The
data of a large event is stored in the bucket of the store without expiry, and the item contains a claim for it.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import heapq
import json
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from millrace.events import Envelope
from millrace.events.claims import CLAIM_ABOVE, Claims
from millrace.runtime import stream_items
from millrace.runtime.claims import claims_in
from millrace.runtime.dynamodb import check_size, pages, transact
from millrace.runtime.environment import table_called

BY_POSITION = "by_position"
"""The index of the table, with the keys `log` and `position`."""
MAX_APPENDED = 98
"""Maximum events of one append. A transaction has 100 items, and two of them are conditions."""
_MOST_BYTES = 3_000_000
"""Maximum bytes of one append. A transaction has 4 MB."""
_MAX_ASSIGNED = 50
_FIX = "enable the claim check with Bus(claim_check_threshold=…), or store the data elsewhere and its address here."
_ATTEMPTS = 20


class ConcurrencyError(RuntimeError):
    """A stream is not at the expected version, so nothing was appended."""


@dataclass(frozen=True)
class Stored:
    """A stored event. `position` is its position in the log, after it is published."""

    stream: str
    version: int
    envelope: Envelope
    position: int | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Stored":
        """Read an item of the table."""
        envelope: Envelope = {
            "source": item["source"],
            "detail-type": item["detail_type"],
            "detail": json.loads(item["detail"]),
        }
        placed = not item["log"].startswith(stream_items.PENDING)
        return cls(item["stream"], int(item["version"]), envelope, int(item["position"]) if placed else None)

    @property
    def bytes(self) -> int:
        """The size of its data in the bucket; data in the table is small and counts as 0."""
        return int(self.envelope["detail"].get("claim", {}).get("bytes", 0))

    def item(self) -> dict[str, Any]:
        """Return the item of a new event."""
        return {
            "stream": self.stream,
            "version": self.version,
            "source": self.envelope["source"],
            "detail_type": self.envelope["detail-type"],
            "detail": json.dumps(self.envelope["detail"], separators=(",", ":"), ensure_ascii=False),
            "log": stream_items.pending_log(self.stream),
            "position": time.time_ns() // 1_000_000,
        }


class Streams:
    """The table of an event store, as a boto3 resource, and the claims of its bucket."""

    def __init__(self, table: Any, claims: Claims | None = None) -> None:
        self._table = table
        self._claims = claims

    @classmethod
    def at(cls, address: str) -> "Streams":
        """Open an address: the name of the table and, after a slash, the name of the bucket, if there is one."""
        table, _, bucket = address.partition("/")
        return cls(table_called(table), claims_in(bucket) if bucket else None)

    def with_data(self, stored: Stored) -> Envelope:
        """Return the envelope of an event with its data. Raises ContractError if the data is missing."""
        return self._claims.redeemed(stored.envelope) if self._claims else stored.envelope

    def read(self, stream: str, after: int = 0, until: int | None = None) -> Iterator[Stored]:
        """Read the events of a stream after a version, in order, up to the version `until` if given."""
        values = {":stream": stream, ":first": after + 1, **({":last": until} if until else {})}
        versions = "BETWEEN :first AND :last" if until else ">= :first"
        for item in self._query(
            KeyConditionExpression=f"#stream = :stream AND #version {versions}",
            ExpressionAttributeNames={"#stream": "stream", "#version": "version"},
            ExpressionAttributeValues=values,
            ConsistentRead=True,
        ):
            yield Stored.of(item)

    def append(self, events: Sequence[Stored], *, once: str | None = None) -> bool:
        """Append consecutive events to one stream, all or none.

        Returns False if an append with the name `once` was made before. Raises ConcurrencyError if the stream does not
        end just before the first event, and ItemTooLargeError.
        """
        items = [self._item(event, count=len(events)) for event in events]
        mark = [stream_items.once_mark(events[0].stream, once, events[0].version, events[-1].version)] if once else []
        before = [stream_items.exists(events[0].stream, events[0].version - 1)] if events[0].version > 1 else []
        reasons = self._transact([*mark, *before, *map(stream_items.put, items)])
        if not reasons:
            return True
        if once and reasons[0] == "ConditionalCheckFailed":
            return False
        raise ConcurrencyError(
            f"{events[0].stream} is no longer at version {events[0].version - 1}: load it and decide again."
        )

    def _item(self, event: Stored, *, count: int) -> dict[str, Any]:
        """Return the item of an event, with a claim if its data is too large for an append of `count` events."""
        if self._claims:
            most = min(CLAIM_ABOVE, _MOST_BYTES // count)
            event = replace(event, envelope=self._claims.claimed(event.envelope, above=most))
        item = event.item()
        what = f"{item['detail_type']}, to be version {event.version} of {event.stream},"
        check_size(item, what, event.envelope["detail"].get("data", {}), _FIX)
        return item

    def appended(self, stream: str, once: str) -> list[Stored]:
        """Return the events that were appended to a stream with the name `once`."""
        mark = self._table.get_item(Key=stream_items.mark_key(stream, once), ConsistentRead=True).get("Item")
        return list(self.read(stream, int(mark["first"]) - 1, int(mark["last"]))) if mark else []

    def snapshot(self, stream: str) -> dict[str, Any] | None:
        """Return the snapshot of a stream, or None."""
        found = self._table.get_item(Key={"stream": stream, "version": 0}, ConsistentRead=True).get("Item")
        return dict(found) if found else None

    def save_snapshot(self, stream: str, snapshot: Mapping[str, Any]) -> None:
        """Save a snapshot, and replace the previous one."""
        self._table.put_item(Item={**snapshot, "stream": stream, "version": 0})

    # -- the order of all events ---------------------------------------------------------------------------------

    def read_all(self, after: int = 0) -> Iterator[Stored]:
        """Read the published events of all streams after a position, in order, up to the first gap.

        The index is eventually consistent and updated out of order: events after a gap are read the next time.
        """
        while True:
            last = after
            for item in self._following(after):
                if item["position"] != after + 1:
                    return
                after += 1
                yield Stored.of(item)
            if after == last:
                return

    def _following(self, after: int) -> Iterator[dict[str, Any]]:
        """The items behind a position that share a partition with the next one, in this version or an earlier one."""
        items = self._of_log(stream_items.run(after + 1), after)
        first = next(items, None)
        if first is not None and first["position"] == after + 1:
            yield first
            yield from items
        else:
            yield from self._of_log(stream_items.former_bucket(after + 1), after)

    def pending(self) -> Iterator[Stored]:
        """The events that are not known to be published, the oldest first."""
        partitions = [self._of_log(log, 0) for log in stream_items.PENDING_LOGS]
        for item in heapq.merge(*partitions, key=lambda item: item["position"]):
            yield Stored.of(item)

    def pending_since(self, moment: int) -> bool:
        """Whether something that was appended before a moment, in milliseconds since 1970, is still pending."""
        firsts = (next(self._of_log(log, 0), None) for log in stream_items.PENDING_LOGS)
        return any(int(first["position"]) <= moment for first in firsts if first)

    def head(self) -> int:
        """Return the last assigned position."""
        counter = self._table.get_item(Key=stream_items.COUNTER, ConsistentRead=True).get("Item", {})
        return int(counter.get("last", 0))

    def assign_positions(self, events: Sequence[Stored]) -> None:
        """Assign positions to published events, in order. Events with a position keep it."""
        for start in range(0, len(events), _MAX_ASSIGNED):
            self._assign(list(events[start : start + _MAX_ASSIGNED]))

    def _assign(self, events: list[Stored]) -> None:
        for attempt in range(_ATTEMPTS):
            last = self.head()
            assigned = stream_items.assigned([(event.stream, event.version) for event in events], last)
            count, *reasons = self._transact([stream_items.count_up(last, len(events)), *assigned]) or (None,)
            if not any((count, *reasons)):
                return
            events = [e for e, reason in zip(events, reasons, strict=True) if reason != "ConditionalCheckFailed"]
            if not events:
                return
            time.sleep(0.01 * 2 ** min(attempt, 6) * random.random())  # noqa: S311 - jitter is no secret
        raise ConcurrencyError(
            f"{len(events)} published events have no position: too many relays assign positions concurrently."
        )

    # -- requests to DynamoDB ------------------------------------------------------------------------------------

    def _of_log(self, log: str, after: int) -> Iterator[dict[str, Any]]:
        return self._query(
            IndexName=BY_POSITION,
            KeyConditionExpression="#log = :log AND #position > :after",
            ExpressionAttributeNames=stream_items.NAMES,
            ExpressionAttributeValues={":log": log, ":after": after},
        )

    def _query(self, **request: Any) -> Iterator[dict[str, Any]]:
        return pages(self._table.query, **request)

    def _transact(self, items: list[dict[str, Any]]) -> list[str | None]:
        return transact(self._table.meta.client, [(self._table.name, item) for item in items])
