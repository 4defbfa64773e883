"""The table of an event store: streams of events, each at its version, and the order of them all.

An event is one item, written once: key `stream` and `version`. Keys that begin with `$` are the store's own. Until it
is published an event is listed as pending; then it has its position in the log, which has no gaps. The data of a large
event lies in the store's bucket, for as long as the event does, and the item says where.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import heapq
import json
import random
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from millrace.events import Envelope
from millrace.events.claims import CLAIM_ABOVE, Claims
from millrace.runtime.claims import claims_in
from millrace.runtime.items import check_size
from millrace.runtime.stores import table_called

BY_POSITION = "by_position"
"""The index of the table: `log` and, in it, `position`."""
PENDING = "pending"
"""The start of `log` in a pending event; a number follows, so that pending events share 16 partitions of the index."""
PENDING_PARTITIONS = 16
"""Each takes 1,000 write units a second, and an event of up to 1 KB needs two: when it enters and when it leaves.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
"""
RUN = 200
"""Positions that share a partition of the index: 200 events of up to 5 KB are what it takes in a second."""
FORMER_BUCKET = 10_000
"""Positions that shared a partition in stores of earlier versions."""
MAX_APPENDED = 98
"""Events of one append: DynamoDB takes 100 items a transaction, and two of them are conditions."""
_MOST_TOGETHER = 3_000_000
"""Bytes of one append, which as a transaction may have 4 MB."""
_MAX_PLACED = 50
_PUT_ASIDE = (
    "let the bus put large data aside, by Bus(claim_check_threshold=…), or keep it elsewhere and its place here."
)
_COUNTER = {"stream": "$log", "version": 0}
_NAMES = {"#log": "log", "#position": "position"}
_ATTEMPTS = 20


class Conflict(RuntimeError):
    """A stream is at another version than its writer believed, and nothing was appended."""


@dataclass(frozen=True)
class Stored:
    """An event as the store has it. `position` is its place in the log, once it is published."""

    stream: str
    version: int
    envelope: Envelope
    position: int | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "Stored":
        """An item of the table."""
        envelope: Envelope = {
            "source": item["source"],
            "detail-type": item["detail_type"],
            "detail": json.loads(item["detail"]),
        }
        placed = not item["log"].startswith(PENDING)
        return cls(item["stream"], int(item["version"]), envelope, int(item["position"]) if placed else None)

    @property
    def bytes(self) -> int:
        """What its data weighs where that lies in the bucket; what lies in the table weighs little."""
        return int(self.envelope["detail"].get("claim", {}).get("bytes", 0))

    def item(self) -> dict[str, Any]:
        """The item of a new event."""
        return {
            "stream": self.stream,
            "version": self.version,
            "source": self.envelope["source"],
            "detail_type": self.envelope["detail-type"],
            "detail": json.dumps(self.envelope["detail"], separators=(",", ":"), ensure_ascii=False),
            "log": _pending_log(self.stream),
            "position": time.time_ns() // 1_000_000,
        }


class Streams:
    """An event store's table, as boto3's resource gives it, and the claims of what is too large for it."""

    def __init__(self, table: Any, claims: Claims | None = None) -> None:
        self._table = table
        self._claims = claims

    @classmethod
    def at(cls, address: str) -> "Streams":
        """Those of an address: the name of the table and, after a slash, of the bucket, where there is one."""
        table, _, bucket = address.partition("/")
        return cls(table_called(table), claims_in(bucket) if bucket else None)

    def whole(self, stored: Stored) -> Envelope:
        """The envelope of an event with its data, wherever that lies. Raises ContractError where it is gone."""
        return self._claims.redeemed(stored.envelope) if self._claims else stored.envelope

    def read(self, stream: str, after: int = 0, until: int | None = None) -> Iterator[Stored]:
        """The events of a stream behind a version, in order; up to `until`, where it is given."""
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
        """Append events that follow one another in one stream, all or none.

        With `once` they are appended if nothing was under that name: False if something was. Raises Conflict unless
        the stream ends just before the first, and TooLarge.
        """
        items = [self._item(event, among=len(events)) for event in events]
        mark = [_first_time(once, events)] if once else []
        before = [_is_there(events[0].stream, events[0].version - 1)] if events[0].version > 1 else []
        reasons = self._transact([*mark, *before, *map(_put, items)])
        if not reasons:
            return True
        if once and reasons[0] == "ConditionalCheckFailed":
            return False
        raise Conflict(f"{events[0].stream} is not at version {events[0].version - 1} any more: load it, decide anew.")

    def _item(self, event: Stored, *, among: int) -> dict[str, Any]:
        """The item of an event, without its data where that is too large for it, or for one append of so many."""
        if self._claims:
            most = min(CLAIM_ABOVE, _MOST_TOGETHER // among)
            event = replace(event, envelope=self._claims.claimed(event.envelope, above=most))
        item = event.item()
        what = f"{item['detail_type']}, to be version {event.version} of {event.stream},"
        check_size(item, what, event.envelope["detail"].get("data", {}), _PUT_ASIDE)
        return item

    def appended(self, stream: str, once: str) -> list[Stored]:
        """What was appended to a stream under a name; nothing, where nothing was."""
        mark = self._table.get_item(Key=_mark(stream, once), ConsistentRead=True).get("Item")
        return list(self.read(stream, int(mark["first"]) - 1, int(mark["last"]))) if mark else []

    def snapshot(self, stream: str) -> dict[str, Any] | None:
        """The snapshot of a stream, where there is one: what `keep` was given."""
        found = self._table.get_item(Key={"stream": stream, "version": 0}, ConsistentRead=True).get("Item")
        return dict(found) if found else None

    def keep(self, stream: str, snapshot: Mapping[str, Any]) -> None:
        """Keep a snapshot in the place of the former one."""
        self._table.put_item(Item={**snapshot, "stream": stream, "version": 0})

    # -- the order of all events ---------------------------------------------------------------------------------

    def read_all(self, after: int = 0) -> Iterator[Stored]:
        """The published events of all streams behind a position, in order, up to the last one without a gap.

        The index follows the table with a delay, and out of order: what comes behind a gap is for the next time.
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
        items = self._of_log(_run(after + 1), after)
        first = next(items, None)
        if first is not None and first["position"] == after + 1:
            yield first
            yield from items
        else:
            yield from self._of_log(_former_bucket(after + 1), after)

    def pending(self) -> Iterator[Stored]:
        """The events that are not known to be published, the oldest first."""
        partitions = [self._of_log(log, 0) for log in _PENDING_LOGS]
        for item in heapq.merge(*partitions, key=lambda item: item["position"]):
            yield Stored.of(item)

    def pending_since(self, moment: int) -> bool:
        """Whether something that was appended before a moment, in milliseconds since 1970, is still pending."""
        firsts = (next(self._of_log(log, 0), None) for log in _PENDING_LOGS)
        return any(int(first["position"]) <= moment for first in firsts if first)

    def head(self) -> int:
        """The last position that was given."""
        counter = self._table.get_item(Key=_COUNTER, ConsistentRead=True).get("Item", {})
        return int(counter.get("last", 0))

    def place(self, events: Sequence[Stored]) -> None:
        """Give positions to published events, in their order; those that have one keep it."""
        for start in range(0, len(events), _MAX_PLACED):
            self._place(list(events[start : start + _MAX_PLACED]))

    def _place(self, events: list[Stored]) -> None:
        for attempt in range(_ATTEMPTS):
            last = self.head()
            count, *reasons = self._transact([_count(last, len(events)), *_placed(events, last)]) or (None,)
            if not any((count, *reasons)):
                return
            events = [e for e, reason in zip(events, reasons, strict=True) if reason != "ConditionalCheckFailed"]
            if not events:
                return
            time.sleep(0.01 * 2 ** min(attempt, 6) * random.random())  # noqa: S311 - jitter is no secret
        raise Conflict(f"{len(events)} published events have no position: too many relays give positions at once.")

    # -- how DynamoDB is asked -----------------------------------------------------------------------------------

    def _of_log(self, log: str, after: int) -> Iterator[dict[str, Any]]:
        return self._query(
            IndexName=BY_POSITION,
            KeyConditionExpression="#log = :log AND #position > :after",
            ExpressionAttributeNames=_NAMES,
            ExpressionAttributeValues={":log": log, ":after": after},
        )

    def _query(self, **request: Any) -> Iterator[dict[str, Any]]:
        while True:
            answer = self._table.query(**request)
            yield from answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _transact(self, items: list[dict[str, Any]]) -> list[str | None]:
        return transact(self._table.meta.client, [(self._table.name, item) for item in items])


def transact(client: Any, items: Sequence[tuple[str, dict[str, Any]]]) -> list[str | None]:
    """Write items, `(table, {"Put": …})`, all or none. Gives nothing if all were written, else why not, one by one.

    `client` is that of a boto3 resource, which takes plain values.
    """
    named = [{kind: {"TableName": table, **given} for kind, given in item.items()} for table, item in items]
    try:
        client.transact_write_items(TransactItems=named)
    except client.exceptions.TransactionCanceledException as error:
        codes = [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]
        if not set(codes) <= {"None", "ConditionalCheckFailed", "TransactionConflict"}:
            raise
        return [None if code == "None" else code for code in codes]
    return []


_PENDING_LOGS = (PENDING, *(f"{PENDING}.{number}" for number in range(PENDING_PARTITIONS)))
"""The first one was that of all pending events in earlier versions."""


def _pending_log(stream: str) -> str:
    return f"{PENDING}.{zlib.crc32(stream.encode()) % PENDING_PARTITIONS}"


def _run(position: int) -> str:
    return f"run.{position // RUN:012}"


def _former_bucket(position: int) -> str:
    return f"{position // FORMER_BUCKET:012}"


def _put(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "Put": {
            "Item": item,
            "ConditionExpression": "attribute_not_exists(#stream)",
            "ExpressionAttributeNames": {"#stream": "stream"},
        }
    }


def _is_there(stream: str, version: int) -> dict[str, Any]:
    """The event before a stream's next one must be there; the Put of that one sees to it that it is the last."""
    return {
        "ConditionCheck": {
            "Key": {"stream": stream, "version": version},
            "ConditionExpression": "attribute_exists(#stream)",
            "ExpressionAttributeNames": {"#stream": "stream"},
        }
    }


def _first_time(once: str, events: Sequence[Stored]) -> dict[str, Any]:
    return _put({**_mark(events[0].stream, once), "first": events[0].version, "last": events[-1].version})


def _mark(stream: str, once: str) -> dict[str, Any]:
    return {"stream": f"$once/{stream}/{once}", "version": 0}


def _count(last: int, more: int) -> dict[str, Any]:
    return {
        "Update": {
            "Key": _COUNTER,
            "UpdateExpression": "SET #last = :next",
            "ConditionExpression": "#last = :last" if last else "attribute_not_exists(#last)",
            "ExpressionAttributeNames": {"#last": "last"},
            "ExpressionAttributeValues": {":next": last + more, **({":last": last} if last else {})},
        }
    }


def _placed(events: Sequence[Stored], last: int) -> list[dict[str, Any]]:
    return [
        {
            "Update": {
                "Key": {"stream": event.stream, "version": event.version},
                "UpdateExpression": "SET #log = :log, #position = :position",
                "ConditionExpression": "begins_with(#log, :pending)",
                "ExpressionAttributeNames": _NAMES,
                "ExpressionAttributeValues": {":log": _run(number), ":position": number, ":pending": PENDING},
            }
        }
        for number, event in enumerate(events, start=last + 1)
    ]
