"""Exactly-once effects despite duplicate events and killed functions."""

import json
from collections import Counter

import pytest
from crash_kit import crashing_package
from shared_shop import cloud, emptied, restored  # noqa: F401 fixtures

EFFECTS = {
    "award_points": ("TransactWriteItems", 1),  # invoked from a queue
    "rate_credit": ("TransactWriteItems", 1),  # invoked by its rule
    "reserve_stock": ("UpdateItem", 1),  # a task of the saga
}
CLEAN = {
    *("OrderPlaced", "StockReserved", "PaymentCharged", "OrderCompleted"),
    *("ShippingRequested", "ShipmentArranged"),
    *("CreditRated", "PointsAwarded", "TierUpgraded", "GiftIssued", "CustomerNotified"),
}
TABLES = {
    "points": [{"customer_id": "customer-7", "balance": 129}],
    "ratings": [{"customer_id": "customer-7", "score": 1}],
    "stock": [{"sku": "kettle", "quantity": 48}],
    "payments": [{"order_id": "order-1001", "amount_cents": 12_900, "card": "tok_4242", "state": "charged"}],
}


def api_call(function, moment):
    """Return the API call at which to kill a function: operation, its number, and whether to kill before it."""
    operation, number = EFFECTS[function]
    stored = number + 1 if operation == "UpdateItem" else 1
    return {
        "before the effect": (operation, number, True),
        "after the effect": (operation, number, False),
        "after storing the response": ("UpdateItem", stored, False),
        "after the publish": ("PutEvents", 1, False),
        "before recording the publish": ("UpdateItem", stored + 1, True),
    }[moment]


MOMENTS = ("before the effect", "after the effect", "after storing the response", "after the publish")
MOMENTS += ("before recording the publish",)


@pytest.fixture
def killed(stocked, function_named, tmp_path):
    """Kill a function at its first call of an API operation."""

    def deploy(name, operation, number, before):
        mark = tmp_path / "killed"
        code = crashing_package(name, mark, (operation, number), before=before)
        stocked.client("lambda").update_function_code(FunctionName=function_named(name), ZipFile=code)
        return mark

    return deploy


@pytest.fixture
def put_events(cloud):
    """Count the publications of each event of a flow, by name and id."""

    def count(correlation_id):
        records = cloud.on_loop(lambda: cloud.region.history.flow(correlation_id))
        return Counter((record.name, record.event_id) for record in records if record.kind == "event")

    return count


@pytest.mark.parametrize(
    ("function", "moment"),
    [("award_points", moment) for moment in MOMENTS]
    + [(function, moment) for function in ("rate_credit", "reserve_stock") for moment in MOMENTS[1:4:2]],
)
def test_killed_function_has_the_same_effects_as_a_clean_run(stocked, put, killed, put_events, table, function, moment):
    mark = killed(function, *api_call(function, moment))
    correlation_id = put("order_placed")
    stocked.settle()
    assert mark.exists()
    assert sorted(name for name, _ in put_events(correlation_id)) == sorted(CLEAN)
    assert {name: table(name).scan()["Items"] for name in TABLES} == TABLES


def test_event_delivered_fifty_times_has_one_effect_and_one_response(stocked, recorded, put_events, table):
    envelope = recorded("order_completed")
    entry = {"Source": envelope["source"], "DetailType": envelope["detail-type"], "EventBusName": "shop"}
    entries = [entry | {"Detail": json.dumps(envelope["detail"])}] * 10
    for _ in range(5):
        stocked.client("events").put_events(Entries=entries)
    stocked.settle()
    published = put_events(envelope["detail"]["metadata"]["correlation_id"])
    names = Counter({name: times for (name, _), times in published.items()})
    effects = ["PointsAwarded", "CreditRated", "TierUpgraded", "GiftIssued", "CustomerNotified"]
    assert names == {"OrderCompleted": 50, **dict.fromkeys(effects, 1)}
    assert [item["balance"] for item in table("points").scan()["Items"]] == [129]
    assert [item["score"] for item in table("ratings").scan()["Items"]] == [1]
