"""The views of the shop: kept, deleted, rebuilt, compared, swapped and rolled back by `millrace rebuild`."""

from collections import Counter
from pathlib import Path

import pytest
from shared_shop import cloud, emptied, restored  # noqa: F401 fixtures

from functions.contracts.views import CustomerView, OrderView
from millrace.runtime import ReadModel
from millrace.runtime.read_models import Ledger, Tables

ROOT = Path(__file__).parents[2]

BUGGY = """
from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from functions.contracts.orders import OrderPlaced
from functions.contracts.views import CustomerView
from millrace.runtime import projection

@projection
def handler(event: OrderPlaced | OrderCompleted | OrderRejected, customer: CustomerView | None) -> CustomerView | None:
    seen = customer or CustomerView(customer_id=event.customer_id)
    changed = {"version": seen.version + 1}
    if isinstance(event, OrderPlaced):
        changed |= {"placed": seen.placed + 1, "spent_cents": seen.spent_cents + event.total_cents}
    return seen.model_copy(update=changed)
"""


SWAPPED = (0, {"projection": "view_customers", "live": "green", "candidate": "built"})


@pytest.fixture(autouse=True)
def polls(monkeypatch):
    """Poll the local cloud more often than AWS."""
    monkeypatch.setattr("millrace.operations.rebuild._POLL_SECONDS", 0.02)


@pytest.fixture
def tables(table):
    """The two sides and the ledger of a projection, by the name of its construct."""
    return lambda name: Tables(table(f"{name}blue"), table(f"{name}green"), Ledger(table(f"{name}ledger")))


@pytest.fixture
def row(tables):
    """The live row of a view."""
    views = {"orderview": OrderView, "customerview": CustomerView}
    return lambda name, key: ReadModel(views[name], tables(name)).get(key)


@pytest.fixture
def ordered(stocked, put):
    """The shop with an order that was completed, and two that were rejected."""
    for name in ("place_order", "place_order_declined", "place_order_undeliverable"):
        put(name)
    stocked.settle()
    return stocked


def test_the_views_follow_from_what_happens_to_orders(ordered, row):
    order = row("orderview", "order-1001")
    assert (order.status, order.total_cents, order.customer_id) == ("completed", 12900, "customer-7")
    assert row("orderview", "order-1002").reason.startswith("over the card's limit")
    assert row("customerview", "customer-7").spent_cents == 12900


def test_a_command_that_comes_again_changes_no_view(ordered, put, row):
    before = row("customerview", "customer-7")
    put("place_order")
    ordered.settle()
    assert row("customerview", "customer-7") == before


def test_a_deleted_view_is_rebuilt_without_a_difference(ordered, millrace, tables, row):
    """Rows and marks of the live side go; what is rebuilt is held against what was there before."""
    known = tables("customerview")
    before = {item["customer_id"]: CustomerView.of(item) for item in known.blue.scan()["Items"]}
    for table, key in ((known.blue, "customer_id"), (known.ledger.table, "id")):
        for item in table.scan()["Items"]:
            table.delete_item(Key={key: item[key]})
    assert row("customerview", "customer-7") is None
    millrace("rebuild", "view_customers")
    assert millrace("rebuild", "view_customers", "--swap")[0] == 0
    assert {key: row("customerview", key) for key in before} == before
    assert before["customer-7"].spent_cents == 12900


def test_event_store_is_restored_and_erased_and_its_views_are_rebuilt(ordered, millrace, table):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/pointintimerecovery_restores.html"""
    store, client = table("orderstore"), ordered.client("dynamodb")
    client.restore_table_to_point_in_time(SourceTableName=store.name, TargetTableName="restored")
    store.delete_item(Key={"stream": "order-1001", "version": 1})
    assert millrace("restore", "OrderStore", "--from", "restored", "--yes")[0] == 0
    assert millrace("erase", "OrderStore", "order-1001", "--yes")[0] == 0
    client.delete_table(TableName="restored")
    assert '"card":"*****"' in store.get_item(Key={"stream": "order-1001", "version": 1})["Item"]["detail"]
    assert millrace("rebuild", "view_orders")[1]["different"] == 0


def attempts(cloud):
    """How often each function was called about an event."""
    history = cloud.region.history
    return cloud.on_loop(
        lambda: Counter(r.name for f in history.flows() for r in history.flow(f) if r.kind == "attempt")
    )


def test_a_rebuild_of_a_sound_view_finds_no_difference_and_runs_no_other_function(ordered, millrace):
    before = attempts(ordered)
    status, report = millrace("rebuild", "view_customers")
    ordered.settle()
    assert (status, report["different"], report["live"]) == (0, 0, "blue")
    assert (attempts(ordered) - before).keys() == {"view_customers"}


def test_a_mended_bug_is_shown_swapped_in_and_rolled_back(cloud, carrier, put, replace_handler, millrace, row):
    sound = (ROOT / "functions" / "view_customers" / "handler.py").read_text()
    replace_handler("view_customers", BUGGY)
    for name in ("stock_delivered", "place_order", "place_order_declined"):
        put(name)
        cloud.settle()
    wrong = row("customerview", "customer-7").spent_cents
    replace_handler("view_customers", sound)
    status, report = millrace("rebuild", "view_customers")
    fields = {each["key"]: each["fields"] for each in report["shown"]}
    assert (status, fields["customer-7"]["spent_cents"]) == (1, [str(wrong), "12900"])
    assert row("customerview", "customer-7").spent_cents == wrong
    assert millrace("rebuild", "view_customers", "--swap") == SWAPPED
    assert row("customerview", "customer-7").spent_cents == 12900
    assert millrace("rebuild", "view_customers", "--roll-back")[1]["live"] == "blue"
    assert row("customerview", "customer-7").spent_cents == wrong


def test_both_sides_are_kept_after_a_rebuild(ordered, put, millrace, tables):
    millrace("rebuild", "view_orders")
    put("order_rejected", order_id="order-9")
    ordered.settle()
    sides = tables("orderview")
    found = [OrderView.of(side.get_item(Key={"order_id": "order-9"})["Item"]) for side in (sides.blue, sides.green)]
    assert found[0] == found[1]
    assert found[0].status == "rejected"


def test_what_cannot_be_swapped_is_told(cloud, millrace, capsys):
    from millrace.cli import main

    assert main(["rebuild", "view_orders", "--swap"]) == 2
    assert "No rebuild is in progress" in capsys.readouterr().err
    assert main(["rebuild", "view_kettles"]) == 2
    assert "There are: view_customers, view_orders" in capsys.readouterr().err
