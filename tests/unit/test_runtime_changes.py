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


def tell(*records):
    changes.handler({"Records": list(records)}, None)


def test_a_record_that_comes_again_is_told_under_the_same_id(published):
    tell(record({"N": "1"}, {"N": "2"}))
    tell(record({"N": "1"}, {"N": "2"}))
    first, second = (envelope["detail"]["metadata"]["event_id"] for envelope in published)
    assert first == second
    assert published[0]["detail"]["data"] == {"sku": "a", "price": 2, "old_price": 1}


@pytest.mark.parametrize(("old", "new"), [({"N": "1"}, {"N": "1"}), (None, {"N": "1"}), ({"N": "1"}, None)])
def test_what_is_no_change_is_not_told(published, old, new):
    tell(record(old, new))
    assert published == []


def test_an_item_that_is_not_what_the_event_says_is_refused(published):
    with pytest.raises(ContractError, match=r"PriceSet\.price"):
        tell(record({"N": "1"}, {"S": "much"}))
