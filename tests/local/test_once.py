"""Nothing twice: duplicates at once, and functions that are killed at every point of their work."""

import json
from collections import Counter

import pytest
from killer import killing

EFFECTS = {
    "award_points": ("TransactWriteItems", 1),  # behind a queue
    "rate_credit": ("TransactWriteItems", 1),  # called by its rule
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


def point(function, place):
    """The call of AWS's APIs at which to kill a function: operation, which of them, and whether before it."""
    operation, number = EFFECTS[function]
    kept = number + 1 if operation == "UpdateItem" else 1
    return {
        "before the effect": (operation, number, True),
        "after the effect": (operation, number, False),
        "after the answer is kept": ("UpdateItem", kept, False),
        "after the publish": ("PutEvents", 1, False),
        "before the publish is noted": ("UpdateItem", kept + 1, True),
    }[place]


PLACES = ("before the effect", "after the effect", "after the answer is kept", "after the publish")
PLACES += ("before the publish is noted",)


@pytest.fixture
def killed(stocked, function_named, tmp_path):
    """Have a function killed at a point of its work, the first time that it comes there."""

    def deploy(name, operation, number, before):
        mark = tmp_path / "killed"
        code = killing(name, mark, (operation, number), before=before)
        stocked.client("lambda").update_function_code(FunctionName=function_named(name), ZipFile=code)
        return mark

    return deploy


@pytest.fixture
def put_events(cloud):
    """How often each event of a flow was put: by its name and its id."""

    def count(correlation_id):
        records = cloud.on_loop(lambda: cloud.region.history.flow(correlation_id))
        return Counter((record.name, record.event_id) for record in records if record.kind == "event")

    return count


@pytest.mark.parametrize(
    ("function", "place"),
    [("award_points", place) for place in PLACES]
    + [(function, place) for function in ("rate_credit", "reserve_stock") for place in PLACES[1:4:2]],
)
def test_a_function_that_is_killed_leaves_what_a_clean_run_leaves(
    stocked, put, killed, put_events, table, function, place
):
    mark = killed(function, *point(function, place))
    correlation_id = put("order_placed")
    stocked.settle()
    assert mark.exists()
    assert sorted(name for name, _ in put_events(correlation_id)) == sorted(CLEAN)
    assert {name: table(name).scan()["Items"] for name in TABLES} == TABLES


def test_an_event_that_comes_fifty_times_at_once_has_one_effect_and_one_answer(stocked, recorded, put_events, table):
    envelope = recorded("order_completed")
    entry = {"Source": envelope["source"], "DetailType": envelope["detail-type"], "EventBusName": "shop"}
    entries = [entry | {"Detail": json.dumps(envelope["detail"])}] * 10
    for _ in range(5):
        stocked.client("events").put_events(Entries=entries)
    stocked.settle()
    said = put_events(envelope["detail"]["metadata"]["correlation_id"])
    names = Counter({name: times for (name, _), times in said.items()})
    effects = ["PointsAwarded", "CreditRated", "TierUpgraded", "GiftIssued", "CustomerNotified"]
    assert names == {"OrderCompleted": 50, **dict.fromkeys(effects, 1)}
    assert [item["balance"] for item in table("points").scan()["Items"]] == [129]
    assert [item["score"] for item in table("ratings").scan()["Items"]] == [1]
