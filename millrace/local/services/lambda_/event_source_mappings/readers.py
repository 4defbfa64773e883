"""The records of a stream, shard by shard, as Lambda hands them to a function."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from millrace.local.core.backends import Backends

DAY = 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """One record: its place in the shard, when it came, in seconds, and what its order is kept by."""

    number: int
    arrived: float
    key: str
    record: dict[str, Any]
    size: int


@dataclass(frozen=True)
class ShardView:
    """A shard; `parents` were split or merged into it."""

    shard_id: str
    parents: tuple[str, ...]


class Reader(Protocol):
    """A stream whose shards are read by number; a number stands for the record after which to read."""

    info: str

    @property
    def retention(self) -> float:
        """How long records are kept, in seconds."""

    def shards(self) -> list[ShardView]:
        """The shards, parents before children; none for a stream that is gone."""

    def last(self, shard_id: str) -> int:
        """The number of a shard's newest record; 0 for none."""

    def after(self, shard_id: str, number: int, role: str) -> Iterator[Entry]:
        """The records behind a number, in order."""


def reader_of(backends: Backends, arn: str) -> Reader:
    """What reads the stream of an ARN."""
    return KinesisReader(backends, arn) if ":kinesis:" in arn else TableReader(backends, arn)


class KinesisReader:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""

    info = "KinesisBatchInfo"

    def __init__(self, backends: Backends, arn: str) -> None:
        self._backends = backends
        self._arn = arn

    @property
    def _stream(self) -> Any | None:
        return self._backends.kinesis.streams.get(self._arn.rpartition("/")[2])

    @property
    def retention(self) -> float:
        """How long records are kept, in seconds."""
        return float(self._stream.retention_period_hours * 3600) if self._stream else DAY

    def shards(self) -> list[ShardView]:
        """The shards, parents before children."""
        stream = self._stream
        return [
            ShardView(shard.shard_id, tuple(parent for parent in (shard.parent, shard.adjacent_parent) if parent))
            for shard in (list(stream.shards.values()) if stream else ())
        ]

    def last(self, shard_id: str) -> int:
        """The number of a shard's newest record."""
        stream = self._stream
        shard = stream.shards.get(shard_id) if stream else None
        return next(reversed(shard.records), 0) if shard else 0

    def after(self, shard_id: str, number: int, role: str) -> Iterator[Entry]:
        """The records behind a number; moto numbers them without a gap."""
        stream = self._stream
        shard = stream.shards.get(shard_id) if stream else None
        while shard is not None and (found := shard.records.get(number + 1)) is not None:
            number += 1
            record = self._record(shard_id, found, role)
            yield Entry(number, found.created_at, found.partition_key, record, len(found.data))

    def _record(self, shard_id: str, found: Any, role: str) -> dict[str, Any]:
        return {
            "kinesis": {
                "kinesisSchemaVersion": "1.0",
                "partitionKey": found.partition_key,
                "sequenceNumber": str(found.sequence_number),
                "data": found.data,
                "approximateArrivalTimestamp": round(found.created_at, 3),
            },
            "eventSource": "aws:kinesis",
            "eventVersion": "1.0",
            "eventID": f"{shard_id}:{found.sequence_number}",
            "eventName": "aws:kinesis:record",
            "invokeIdentityArn": role,
            "awsRegion": self._backends.region,
            "eventSourceARN": self._arn,
        }


class TableReader:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html."""

    info = "DDBStreamBatchInfo"

    def __init__(self, backends: Backends, arn: str) -> None:
        self._backends = backends
        self._arn = arn

    @property
    def _shard(self) -> Any | None:
        _, name, _, label = self._arn.split(":", 5)[5].split("/")
        table = self._backends.dynamodb.tables.get(name)
        return table.stream_shard if table and table.latest_stream_label == label else None

    @property
    def retention(self) -> float:
        """A day.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
        """
        return DAY

    def shards(self) -> list[ShardView]:
        """The one shard that moto gives a table."""
        shard = self._shard
        return [ShardView(shard.id, ())] if shard else []

    def last(self, shard_id: str) -> int:  # noqa: ARG002 - as for Kinesis
        """How many changes there have been."""
        shard = self._shard
        return len(shard.items) if shard else 0

    def after(self, shard_id: str, number: int, role: str) -> Iterator[Entry]:  # noqa: ARG002 - as for Kinesis
        """The changes behind a number: how many came before."""
        shard = self._shard
        while shard is not None and number < len(shard.items):
            found = shard.items[number].to_json()
            number += 1
            yield self._entry(number, found)

    def _entry(self, number: int, found: dict[str, Any]) -> Entry:
        arrived = found["dynamodb"]["ApproximateCreationDateTime"].replace(tzinfo=UTC).timestamp()
        record = {
            "eventID": found["eventID"],
            "eventName": found["eventName"],
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": self._backends.region,
            "dynamodb": {**found["dynamodb"], "ApproximateCreationDateTime": float(int(arrived))},
            "eventSourceARN": self._arn,
        }
        key = json.dumps(found["dynamodb"]["Keys"], sort_keys=True)
        return Entry(number, arrived, key, record, int(found["dynamodb"]["SizeBytes"]))


def sequence_of(record: dict[str, Any]) -> str:
    """The sequence number by which a partial batch response names a record."""
    return str((record.get("kinesis") or {}).get("sequenceNumber") or record["dynamodb"]["SequenceNumber"])


def started_at(timestamp: Any) -> float:
    """StartingPositionTimestamp as a moment: AWS takes seconds, the SDKs also send dates."""
    if isinstance(timestamp, int | float):
        return float(timestamp)
    read = datetime.fromisoformat(str(timestamp))
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
