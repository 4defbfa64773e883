"""Records of Kinesis and Kafka in the form of Lambda's events."""

import base64
from collections.abc import Iterator
from typing import Any, NamedTuple

_TICK = b'{"millrace":"tick"}'


class Record(NamedTuple):
    """A record: its key, its data, its arrival in seconds since 1970, its position, and its shard or partition.

    Positions grow within a partition.
    """

    key: str
    data: bytes
    arrived: float
    position: int
    partition: str
    raw: dict[str, Any]


def tick(key: str) -> dict[str, Any]:
    """Return a record that lets the windows of a key close when no reading follows; it may come twice."""
    return {"PartitionKey": key, "Data": _TICK}


def is_tick(data: bytes) -> bool:
    """Whether a record is a tick."""
    return data == _TICK


def kinesis_records(payload: dict[str, Any]) -> Iterator[Record]:
    """Yield the records of a batch of a Kinesis stream.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
    """
    for raw in payload["Records"]:
        data = raw["kinesis"]
        yield Record(
            data["partitionKey"],
            base64.b64decode(data["data"]),
            data["approximateArrivalTimestamp"],
            int(data["sequenceNumber"]),
            raw["eventID"].partition(":")[0],
            raw,
        )


def kafka_records(payload: dict[str, Any]) -> Iterator[Record]:
    """Yield the records of a batch of Kafka topics, partition by partition.

    https://docs.aws.amazon.com/lambda/latest/dg/with-kafka-process.html
    """
    for partition, records in payload["records"].items():
        for raw in records:
            yield Record(
                base64.b64decode(raw.get("key") or "").decode(errors="replace"),
                base64.b64decode(raw.get("value") or ""),
                raw["timestamp"] / 1000,
                int(raw["offset"]),
                partition,
                raw,
            )
