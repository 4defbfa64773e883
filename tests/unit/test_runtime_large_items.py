"""Large data in an event store and in a read model: claims, and errors of items that are too large."""

import json
from dataclasses import dataclass

import boto3
import pytest
from store_kit import make_table

from millrace.events import Event, Metadata
from millrace.events.claims import Claims
from millrace.runtime import EventStore, ReadModel, View
from millrace.runtime.dynamodb import ItemTooLargeError
from millrace.runtime.folding import Folding, FoldInput
from millrace.runtime.read_models import Ledger, Tables
from millrace.runtime.rebuild import _batches
from millrace.runtime.streams import Stored, Streams


class Scribbled(Event, source="test.pad"):
    pad: str
    text: str


@dataclass
class Pad:
    """All that was scribbled on it."""

    text: str = ""

    def apply(self, event: Scribbled) -> None:
        self.text += event.text


class PadView(View, key="pad"):
    pad: str
    text: str


@pytest.fixture
def streams(dynamodb):
    """The table of an event store."""
    made = make_table(dynamodb)
    yield made
    made.delete()


@pytest.fixture
def claims(dynamodb):
    """The claims of a bucket; moto is mocked for as long as the tables are."""
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="data")
    yield Claims(lambda: s3, "data", "123456789012")
    for each in s3.list_objects_v2(Bucket="data").get("Contents", []):
        s3.delete_object(Bucket="data", Key=each["Key"])
    s3.delete_bucket(Bucket="data")


@pytest.fixture
def pads(streams, claims):
    return EventStore(Streams(streams, claims), Pad)


def transactions(tables):
    """The bytes of each transaction from now on."""
    weighed = []

    def weigh(params, **_):
        weighed.append(len(json.dumps(params, default=str)))

    client = tables.ledger.table.meta.client
    client.meta.events.register("before-parameter-build.dynamodb.TransactWriteItems", weigh)
    return weighed


def scribbled(size, count=1):
    return [Scribbled(pad="p", text=str(number) + "é" * (size // 2)) for number in range(count)]


def weights(table):
    return [len(item["detail"].encode()) for item in table.scan()["Items"]]


def test_data_of_a_large_event_is_stored_in_the_bucket(pads, streams):
    events = scribbled(5_000_000)
    pads.append("p", events, expected=0)
    assert max(weights(streams)) < 1000
    assert pads.load("p") == (Pad(text=events[0].text), 1)


def test_what_is_appended_together_fits_into_one_transaction(pads, streams):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
    pads.append("p", scribbled(60_000, count=98), expected=0)
    assert sum(weights(streams)) < 3_000_000
    assert pads.load("p")[1] == 98


def test_an_event_that_does_not_fit_names_its_field_and_its_weight_and_nothing_is_stored(streams):
    pads = EventStore(streams, Pad)
    with pytest.raises(
        ItemTooLargeError, match=r"Scribbled, to be version 1 of p, has 5003\d\d bytes, 500001 of them in 'te"
    ):
        pads.append("p", scribbled(500_000), expected=0)
    assert pads.load("p") == (Pad(), 0)


def test_an_aggregate_that_is_too_large_for_a_snapshot_has_none(pads, streams):
    for expected in (0, 50):
        pads.append("p", scribbled(20_000, count=50), expected=expected)
    assert "Item" not in streams.get_item(Key={"stream": "p", "version": 0})
    assert pads.load("p")[1] == 100


def test_a_row_that_does_not_fit_names_its_field_and_its_weight(table):
    tables = Tables(table("pad"), table("pad"), Ledger(table("id")))
    (event,) = scribbled(500_000)
    folding = Folding("blue", tables, PadView, lambda event, _row: PadView(pad=event.pad, text=event.text))
    with pytest.raises(ItemTooLargeError, match=r"The row 'p' of PadView has 5000\d\d bytes, 500001 of them in 'text'"):
        folding.apply([FoldInput.of(event.stamped(Metadata.root(producer="test")))])
    assert ReadModel(PadView, tables).get("p") is None


def test_rows_that_do_not_fit_into_one_transaction_are_written_in_several(table):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""
    tables = Tables(table("pad"), table("pad"), Ledger(table("id")))
    folding = Folding("blue", tables, PadView, lambda event, _row: PadView(pad=event.pad, text=event.text))
    events = [Scribbled(pad=str(number), text="x" * 300_000) for number in range(20)]
    written = transactions(tables)
    folding.apply([FoldInput.of(event.stamped(Metadata.root(producer="test"))) for event in events])
    assert max(written) <= 4 * 1024 * 1024
    assert tables.blue.scan(Select="COUNT")["Count"] > 0
    assert ReadModel(PadView, tables).get("19").text == "x" * 300_000


def test_a_rebuild_holds_a_few_megabytes_at_a_time():
    def stored(megabytes):
        return Stored("p", 1, {"source": "", "detail-type": "", "detail": {"claim": {"bytes": megabytes * 1_000_000}}})

    chunk = [stored(megabytes) for megabytes in (3, 3, 1, 6, 0, 0)]
    assert [len(some) for some in _batches(chunk)] == [2, 2, 2]
