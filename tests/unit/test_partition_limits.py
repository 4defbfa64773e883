"""An event store under DynamoDB's limit of write units for each partition, in simulated time."""

import pytest
from moto.dynamodb.models import DynamoDBBackend
from store_kit import make_table

from millrace.local.services.dynamodb.partitions import PartitionLimits
from millrace.local.services.dynamodb.transactions import transact_write_items
from millrace.runtime.streams import Stored, Streams

UNITS = 1_000
"""Of a partition, in a second."""
APPENDS, APPENDS_PER_SECOND = 750, 3_000
ENVELOPE = {"source": "test.jar", "detail-type": "Dropped", "detail": {"data": {}}}


class Metered(Streams):
    """Charges each write to the partitions of the index that an event enters and leaves."""

    def __init__(self, table, limits):
        super().__init__(table)
        self.limits, self.now, self.throttled, self.logs = limits, 0.0, set(), {}

    def _transact(self, items):
        for put in [item["Put"]["Item"] for item in items if "Put" in item]:
            self.move(put["stream"], put["version"], put["log"])
        for update in [item["Update"] for item in items if "Update" in item]:
            if ":log" in (values := update["ExpressionAttributeValues"]):
                self.move(update["Key"]["stream"], update["Key"]["version"], values[":log"])
        return super()._transact(items)

    def move(self, stream, version, log):
        for each in filter(None, (self.logs.get((stream, version)), log)):
            self.charge(each)
        self.logs[stream, version] = log

    def charge(self, log):
        self.limits.charge(self.now, ("jars", "by_position", log), 1)
        self.throttled |= set(self.limits.exceeded(self.now, "jars"))


@pytest.fixture
def streams(dynamodb, monkeypatch):
    monkeypatch.setattr(DynamoDBBackend, "transact_write_items", transact_write_items)  # moto copies whole tables
    table = make_table(dynamodb)
    yield Metered(table, PartitionLimits(UNITS))
    table.delete()


def test_3000_appends_a_second_exceed_no_partition(streams):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html"""
    events = [Stored(f"s{number}", 1, ENVELOPE) for number in range(APPENDS)]
    for number, event in enumerate(events, start=1):
        streams.append([event])
        streams.now = number / APPENDS_PER_SECOND
        if number % 50 == 0:
            streams.assign_positions(events[number - 50 : number])
    assert streams.throttled == set()
    assert [stored.position for stored in streams.read_all()] == list(range(1, APPENDS + 1))
    assert list(streams.pending()) == []


def test_a_partition_without_units_recovers_at_its_rate():
    limits = PartitionLimits(10)
    partition = ("jars", "", "a")
    limits.charge(0.0, partition, 25)
    assert limits.exceeded(1.0, "jars") == [partition]
    assert limits.exceeded(1.6, "jars") == []
    assert limits.exceeded(0.0, "others") == []


def test_positions_of_an_earlier_version_are_read_on(streams):
    """Earlier versions shared a partition of the index among 10,000 positions."""
    for position in range(1, 4):
        item = Stored(f"old{position}", 1, ENVELOPE).item()
        streams._table.put_item(Item={**item, "log": "000000000000", "position": position})
    streams._table.put_item(Item={"stream": "$log", "version": 0, "last": 3})
    streams.append([Stored("new", 1, ENVELOPE)])
    streams.assign_positions(list(streams.pending()))
    assert [stored.stream for stored in streams.read_all()] == ["old1", "old2", "old3", "new"]
