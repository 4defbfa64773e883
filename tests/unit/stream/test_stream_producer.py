"""What the producer puts into a stream."""

import json
from datetime import UTC, datetime
from unittest.mock import Mock

import pytest
from stream_kit import Sensed

from millrace.runtime import StreamProducer
from millrace.runtime.stream import PutRecordsError

ACCEPTED = {"SequenceNumber": "1", "ShardId": "shardId-0"}
REFUSED = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}


@pytest.fixture
def kinesis():
    """A client that accepts each record."""
    return Mock(**{"put_records.side_effect": lambda Records, **_: {"Records": [ACCEPTED] * len(Records)}})  # noqa: N803


def test_readings_are_put_with_their_key_as_partition_key(kinesis):
    reading = Sensed(sensor="s-1", at=datetime(2026, 3, 1, tzinfo=UTC), celsius=1.5)
    assert StreamProducer("readings", kinesis=kinesis).put([reading]) == 1
    ((_, given),) = kinesis.put_records.call_args_list
    (record,) = given["Records"]
    assert (given["StreamName"], record["PartitionKey"]) == ("readings", "s-1")
    assert json.loads(record["Data"])["celsius"] == 1.5


def test_lines_are_put_as_they_are_with_one_partition_key(kinesis):
    assert StreamProducer("lines", kinesis=kinesis).put_lines("shop", ["a", "ü"]) == 2
    records = kinesis.put_records.call_args.kwargs["Records"]
    assert records == [{"PartitionKey": "shop", "Data": data} for data in (b"a", "ü".encode())]


def test_call_has_at_most_5_mib_partition_keys_included(kinesis):
    """https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html"""
    half = 5 * 2**20 // 2 - 1
    StreamProducer("s", kinesis=kinesis).put_entries([{"PartitionKey": "k", "Data": b"." * half}] * 2)
    StreamProducer("s", kinesis=kinesis).put_entries([{"PartitionKey": "kk", "Data": b"." * half}] * 2)
    assert [len(call.kwargs["Records"]) for call in kinesis.put_records.call_args_list] == [2, 1, 1]


def test_only_refused_records_are_put_again_and_those_left_are_in_the_error():
    kinesis = Mock(**{"put_records.side_effect": [{"Records": [ACCEPTED, REFUSED]}, *[{"Records": [REFUSED]}] * 7]})
    producer = StreamProducer("s", kinesis=kinesis, sleep=lambda _: None)
    with pytest.raises(PutRecordsError, match="refused 1 record") as raised:
        producer.put_lines("k", ["a", "b"])
    assert [len(call.kwargs["Records"]) for call in kinesis.put_records.call_args_list] == [2, *[1] * 7]
    assert raised.value.refused[0][0]["Data"] == b"b"
