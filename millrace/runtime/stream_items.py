"""Items, keys and transactions of the table of an event store.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import zlib
from collections.abc import Sequence
from typing import Any

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
COUNTER = {"stream": "$log", "version": 0}
NAMES = {"#log": "log", "#position": "position"}
PENDING_LOGS = (PENDING, *(f"{PENDING}.{number}" for number in range(PENDING_PARTITIONS)))
"""The first one was that of all pending events in earlier versions."""


def pending_log(stream: str) -> str:
    """Return the partition of the index for the pending events of a stream."""
    return f"{PENDING}.{zlib.crc32(stream.encode()) % PENDING_PARTITIONS}"


def run(position: int) -> str:
    """Return the partition of the index for a position."""
    return f"run.{position // RUN:012}"


def former_bucket(position: int) -> str:
    """Return the partition for a position in stores of earlier versions."""
    return f"{position // FORMER_BUCKET:012}"


def put(item: dict[str, Any]) -> dict[str, Any]:
    """Return the Put of a new item."""
    return {
        "Put": {
            "Item": item,
            "ConditionExpression": "attribute_not_exists(#stream)",
            "ExpressionAttributeNames": {"#stream": "stream"},
        }
    }


def exists(stream: str, version: int) -> dict[str, Any]:
    """Return the condition that the previous event exists. The Put of the next one checks that none follows it."""
    return {
        "ConditionCheck": {
            "Key": {"stream": stream, "version": version},
            "ConditionExpression": "attribute_exists(#stream)",
            "ExpressionAttributeNames": {"#stream": "stream"},
        }
    }


def once_mark(stream: str, once: str, first: int, last: int) -> dict[str, Any]:
    """Return the Put of the item that records the versions of an append with a name."""
    return put({**mark_key(stream, once), "first": first, "last": last})


def mark_key(stream: str, once: str) -> dict[str, Any]:
    """Return the key of the item of an append with a name."""
    return {"stream": f"$once/{stream}/{once}", "version": 0}


def count_up(last: int, more: int) -> dict[str, Any]:
    """Return the Update that adds to the last assigned position, if it is still `last`."""
    return {
        "Update": {
            "Key": COUNTER,
            "UpdateExpression": "SET #last = :next",
            "ConditionExpression": "#last = :last" if last else "attribute_not_exists(#last)",
            "ExpressionAttributeNames": {"#last": "last"},
            "ExpressionAttributeValues": {":next": last + more, **({":last": last} if last else {})},
        }
    }


def assigned(keys: Sequence[tuple[str, int]], last: int) -> list[dict[str, Any]]:
    """Return the Updates that give the positions after `last` to pending events, by stream and version."""
    return [
        {
            "Update": {
                "Key": {"stream": stream, "version": version},
                "UpdateExpression": "SET #log = :log, #position = :position",
                "ConditionExpression": "begins_with(#log, :pending)",
                "ExpressionAttributeNames": NAMES,
                "ExpressionAttributeValues": {":log": run(number), ":position": number, ":pending": PENDING},
            }
        }
        for number, (stream, version) in enumerate(keys, start=last + 1)
    ]
