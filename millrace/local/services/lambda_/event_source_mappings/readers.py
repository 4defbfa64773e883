"""Readers of Kinesis and DynamoDB streams, which return records in the form of Lambda's events."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from millrace.local.core.backends import Backends

DAY = 24 * 3600.0


@dataclass(frozen=True)
class Entry:
    """A record with its number in the shard, arrival time in seconds since 1970, partition key and size in bytes."""

    number: int
    arrived: float
    key: str
    record: dict[str, Any]
    size: int


@dataclass(frozen=True)
class ShardView:
    """A shard. `parents` were split or merged into it."""

    shard_id: str
    parents: tuple[str, ...]


class Reader(Protocol):
    """Reads the shards of a stream by record number."""

    info: str

    @property
    def retention(self) -> float:
        """Retention period in seconds."""

    def shards(self) -> list[ShardView]:
        """Return the shards, parents before children; none if the stream was deleted."""

    def last(self, shard_id: str, /) -> int:
        """Return the number of a shard's newest record; 0 if it has none."""

    def after(self, shard_id: str, number: int, /) -> Iterator[Entry]:
        """Yield the records after a number, in order."""


def reader_of(backends: Backends, arn: str, role: Callable[[], str]) -> Reader:
    """Return the reader for the stream of an ARN. `role` returns the role ARN for Kinesis records."""
    return KinesisReader(backends, arn, role) if ":kinesis:" in arn else TableReader(backends, arn)


class KinesisReader:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html."""

    info = "KinesisBatchInfo"

    def __init__(self, backends: Backends, arn: str, role: Callable[[], str]) -> None:
        self._backends = backends
        self._arn = arn
        self._role = role

    @property
    def _stream(self) -> Any | None:
        return self._backends.kinesis.streams.get(self._arn.rpartition("/")[2])

    @property
    def retention(self) -> float:
        """Retention period in seconds."""
        return float(self._stream.retention_period_hours * 3600) if self._stream else DAY

    def shards(self) -> list[ShardView]:
        """Return the shards, parents before children."""
        stream = self._stream
        return [
            ShardView(shard.shard_id, tuple(parent for parent in (shard.parent, shard.adjacent_parent) if parent))
            for shard in (list(stream.shards.values()) if stream else ())
        ]

    def last(self, shard_id: str) -> int:
        """Return the number of a shard's newest record."""
        stream = self._stream
        shard = stream.shards.get(shard_id) if stream else None
        return next(reversed(shard.records), 0) if shard else 0

    def after(self, shard_id: str, number: int) -> Iterator[Entry]:
        """Yield the records after a number. moto numbers records without gaps."""
        stream = self._stream
        shard = stream.shards.get(shard_id) if stream else None
        while shard is not None and (found := shard.records.get(number + 1)) is not None:
            number += 1
            record = self._record(shard_id, found)
            yield Entry(number, found.created_at, found.partition_key, record, len(found.data))

    def _record(self, shard_id: str, found: Any) -> dict[str, Any]:
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
            "invokeIdentityArn": self._role(),
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
        """One day.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
        """
        return DAY

    def shards(self) -> list[ShardView]:
        """Return moto's single shard of a table."""
        shard = self._shard
        return [ShardView(shard.id, ())] if shard else []

    def last(self, _shard_id: str) -> int:
        """Return the number of changes."""
        shard = self._shard
        return len(shard.items) if shard else 0

    def after(self, _shard_id: str, number: int) -> Iterator[Entry]:
        """Yield the changes after a number."""
        shard = self._shard
        while shard is not None and number < len(shard.items):
            found = shard.items[number].to_json()
            number += 1
            yield self._entry(number, _with_text(found))

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


def _with_text(value: Any) -> Any:
    """Return a value with Base64 text in place of bytes, which moto has in nested binary attributes.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_AttributeValue.html
    """
    if isinstance(value, dict):
        return {name: _with_text(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_with_text(member) for member in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def sequence_of(record: dict[str, Any]) -> str:
    """Return the sequence number of a record, which identifies it in a partial batch response."""
    return str((record.get("kinesis") or {}).get("sequenceNumber") or record["dynamodb"]["SequenceNumber"])


def timestamp_of(timestamp: Any) -> float:
    """Return a StartingPositionTimestamp in seconds since 1970. SDKs send seconds or dates."""
    if isinstance(timestamp, int | float):
        return float(timestamp)
    read = datetime.fromisoformat(str(timestamp))
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
