"""A record of a table's stream as an event."""

from types import SimpleNamespace

import pytest

from millrace.events import ContractError
from millrace.runtime import changes


@pytest.fixture
def published(monkeypatch):
    sent = []
    monkeypatch.setattr(changes, "publisher", lambda: SimpleNamespace(publish=sent.extend))
    monkeypatch.setenv("MILLRACE_CHANGE_EVENT", "store_kit:PriceSet")
    monkeypatch.setenv("MILLRACE_CHANGE_FIELD", "price")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "tell_prices")
    return sent


def record(old, new):
    images = {"OldImage": old, "NewImage": new}
    marshalled = {name: {"sku": {"S": "a"}, "price": price} for name, price in images.items() if price}
    return {"eventID": "9f2c", "dynamodb": {**marshalled, "ApproximateCreationDateTime": 1_700_000_000.0}}


def publish(*records):
    changes.handler({"Records": list(records)}, None)


def test_redelivered_record_is_published_with_the_same_id(published):
    publish(record({"N": "1"}, {"N": "2"}))
    publish(record({"N": "1"}, {"N": "2"}))
    first, second = (envelope["detail"]["metadata"]["event_id"] for envelope in published)
    assert first == second
    assert published[0]["detail"]["data"] == {"sku": "a", "price": 2, "old_price": 1}


@pytest.mark.parametrize(("old", "new"), [({"N": "1"}, {"N": "1"}), (None, {"N": "1"}), ({"N": "1"}, None)])
def test_unchanged_field_publishes_no_event(published, old, new):
    publish(record(old, new))
    assert published == []


def test_item_that_breaks_the_contract_is_rejected(published):
    with pytest.raises(ContractError, match=r"PriceSet\.price"):
        publish(record({"N": "1"}, {"S": "much"}))


def test_an_event_of_a_change_begins_a_flow_at_the_time_of_the_change(published):
    """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html"""
    publish(record({"N": "1"}, {"N": "2"}))
    metadata = published[0]["detail"]["metadata"]
    assert (published[0]["source"], published[0]["detail-type"]) == ("test.shelf", "PriceSet")
    assert metadata["event_id"] == metadata["correlation_id"] == "018bcfe5-6800-7001-b849-9cd52e9d2376"
    assert metadata["occurred_at"] == "2023-11-14T22:13:20Z"
    assert (metadata["producer"], metadata["version"], metadata.get("causation_id")) == ("tell_prices", 1, None)


def test_other_records_have_other_ids(published):
    publish(record({"N": "1"}, {"N": "2"}), {**record({"N": "2"}, {"N": "3"}), "eventID": "another"})
    first, second = (envelope["detail"] for envelope in published)
    assert first["metadata"]["event_id"] != second["metadata"]["event_id"]
    assert (first["data"]["old_price"], second["data"]["old_price"]) == (1, 2)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ({"N": "2"}, 2),
        ({"N": "2.5"}, 2.5),
        ({"SS": ["b", "a"]}, ["a", "b"]),
        ({"NS": ["2", "1"]}, [1, 2]),
        ({"B": b"x"}, "eA=="),
        ({"BS": [b"y", b"x"]}, ["eA==", "eQ=="]),
        ({"M": {"a": {"NULL": True}}}, {"a": None}),
        ({"BOOL": True}, True),
    ],
)
def test_an_attribute_is_read_as_json(attribute, value):
    assert changes._plain({"name": attribute}) == {"name": value}


def test_only_what_changed_is_published(published, caplog):
    caplog.set_level("INFO")
    publish(record({"N": "1"}, {"N": "1"}), record({"N": "1"}, {"N": "2"}))
    assert len(published) == 1
    published.clear()
    publish(record({"N": "1"}, {"N": "1"}))
    assert published == []
