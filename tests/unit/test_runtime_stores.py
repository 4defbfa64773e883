"""Tables: who names them, and writes that have a condition."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from millrace.events import Event, Metadata
from millrace.runtime import update_once, write_if
from millrace.runtime.stores import open_table, resource_name, table_variable


class Poured(Event, source="test.kitchen"):
    cup: str


def write(table):
    return write_if(table.put_item, Item={"cup": "blue"}, ConditionExpression="attribute_not_exists(cup)")


def test_a_write_whose_condition_holds_gives_dynamodbs_answer(table):
    assert write(table("cup"))["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_write_whose_condition_does_not_hold_gives_none(table):
    cups = table("cup")
    write(cups)
    assert write(cups) is None


def test_a_write_that_fails_otherwise_raises(table):
    with pytest.raises(Exception, match="ValidationException"):
        write_if(table("cup").put_item, Item={"saucer": "blue"})


def test_missing_table_has_a_fix():
    assert table_variable("cups") == "MILLRACE_TABLE_CUPS"
    with pytest.raises(LookupError, match=r"MILLRACE_TABLE_CUPS is not set: give the construct tables=\{'cups'"):
        open_table("cups")


def test_a_table_that_the_construct_names_is_opened(monkeypatch):
    monkeypatch.setenv("MILLRACE_TABLE_CUPS", "shop-cups")
    monkeypatch.setattr("millrace.runtime.stores.table_called", lambda name: f"table {name}")
    assert (open_table("cups"), resource_name("MILLRACE_TABLE_CUPS", "cups")) == ("table shop-cups", "shop-cups")


# -- updates that are made once ----------------------------------------------------------------------------------------


class Cancelled(Exception):
    def __init__(self, *codes):
        super().__init__(codes)
        self.response = {"CancellationReasons": [{"Code": code} for code in codes]}


@pytest.fixture
def cups(monkeypatch):
    """A table whose transactions fail as listed in `failures`; it keeps the requests and the pauses."""
    cups = SimpleNamespace(name="cups", requests=[], pauses=[], failures=[])
    monkeypatch.setenv("MILLRACE_IDEMPOTENCY_TABLE", "marks")
    monkeypatch.setenv("MILLRACE_IDEMPOTENCY_SECONDS", "60")
    monkeypatch.setenv("MILLRACE_SCOPE", "Shop.Pour")
    clock = SimpleNamespace(time=lambda: 1000.7, sleep=cups.pauses.append)
    monkeypatch.setattr("millrace.runtime.dynamodb.time", clock)
    monkeypatch.setattr("millrace.runtime.stores.time", clock)
    monkeypatch.setattr("millrace.runtime.dynamodb.random.uniform", lambda low, high: low or high)

    def transact_write_items(TransactItems):  # noqa: N803 - AWS's own name
        cups.requests.append(TransactItems)
        if cups.failures:
            raise cups.failures.pop(0)

    errors = SimpleNamespace(TransactionCanceledException=Cancelled)
    client = SimpleNamespace(transact_write_items=transact_write_items, exceptions=errors)
    cups.meta = SimpleNamespace(client=client)
    cups.get_item = lambda **given: {"Item": given}
    return cups


def pour(cups, event_id="event-1", cup="blue"):
    metadata = Metadata.root(producer="test").model_copy(update={"event_id": event_id})
    event = Poured(cup=cup).stamped(metadata)
    return update_once(cups, event, Key={"cup": cup}, UpdateExpression="ADD drops :one")


def test_an_update_and_its_mark_are_one_transaction(cups):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html"""
    assert pour(cups) == {"Key": {"cup": "blue"}, "ConsistentRead": True}
    ((mark, update),) = cups.requests
    assert update == {"Update": {"TableName": "cups", "Key": {"cup": "blue"}, "UpdateExpression": "ADD drops :one"}}
    assert (mark["Put"]["TableName"], mark["Put"]["ConditionExpression"]) == ("marks", "attribute_not_exists(id)")
    assert mark["Put"]["Item"] == {
        "id": "Shop.Pour#once#5353b8b18b198d9140d748323d96dd4ee57ee5a9d83224163369c0768d501266",
        "expiration": 1060,
    }


def test_each_event_and_each_item_has_its_own_mark(cups):
    for event_id, cup in (("event-1", "blue"), ("event-1", "blue"), ("event-2", "blue"), ("event-1", "red")):
        pour(cups, event_id, cup)
    first, again, *others = (mark["Put"]["Item"]["id"] for mark, _ in cups.requests)
    assert first == again
    assert len({first, *others}) == 3


@pytest.mark.parametrize(
    ("reasons", "made"), [(("ConditionalCheckFailed", "None"), True), (("None", "ConditionalCheckFailed"), False)]
)
def test_an_update_that_was_made_before_gives_the_item_and_a_refused_one_gives_none(cups, reasons, made):
    cups.failures = [Cancelled(*reasons)]
    assert (pour(cups) is not None) is made
    assert (len(cups.requests), cups.pauses) == (1, [])


def test_an_update_that_meets_another_one_is_tried_eight_times(cups):
    cups.failures = [Cancelled("None", "TransactionConflict")] * 7
    assert pour(cups)
    assert cups.pauses == [0.02 * 2**attempt for attempt in range(7)]
    cups.failures = [Cancelled("None", "TransactionConflict")] * 8
    with pytest.raises(Cancelled):
        pour(cups)
    assert len(cups.requests) == 16


def test_an_update_that_fails_otherwise_raises_at_once(cups):
    cups.failures = [Cancelled("None", "ValidationError")]
    with pytest.raises(Cancelled):
        pour(cups)
    assert len(cups.requests) == 1


def test_a_key_may_be_any_number_of_dynamodb(cups):
    metadata = Metadata.root(producer="test")
    event = Poured(cup="blue").stamped(metadata)
    assert update_once(cups, event, Key={"number": Decimal(1)}, UpdateExpression="ADD drops :one")
