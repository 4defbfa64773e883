"""Records of Kinesis and Kafka in the form of Lambda's events."""

from base64 import b64decode
from binascii import a2b_base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

TICK = b'{"millrace":"tick"}'
"""The data of a record that lets the windows of its key close when no reading follows. It may come twice."""
Row = tuple[str, bytes, float, Any]
"""A key, the data, the arrival in seconds since 1970, and the record as Lambda delivers it."""


@dataclass(frozen=True)
class Records:
    """Records of one shard or partition, in order. `position` returns the number of a record, which grows."""

    partition: str
    rows: list[Row]
    position: Callable[[Any], int]


def kinesis_records(payload: dict[str, Any]) -> Records:
    """Return the records of a batch of a Kinesis stream.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """
    rows = [
        (data["partitionKey"], a2b_base64(data["data"]), data["approximateArrivalTimestamp"], raw)
        for raw in payload["Records"]
        for data in (raw["kinesis"],)
    ]
    return Records(payload["shardId"], rows, lambda raw: int(raw["kinesis"]["sequenceNumber"]))


def kafka_records(payload: dict[str, Any]) -> Iterator[Records]:
    """Yield the records of a batch of Kafka topics, partition by partition.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-process.html
    """
    for partition, records in payload["records"].items():
        rows = [
            (_bytes(raw, "key").decode(errors="replace"), _bytes(raw, "value"), raw["timestamp"] / 1000, raw)
            for raw in records
        ]
        yield Records(partition, rows, lambda raw: int(raw["offset"]))


def _bytes(raw: dict[str, Any], name: str) -> bytes:
    return b64decode(raw.get(name) or "")
