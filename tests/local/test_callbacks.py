"""Callbacks: the carrier outside answers a step that waits, at the door of the shop's API."""

from collections import Counter
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from carrier import CONTENT_TYPE, Carrier
from crash_kit import crashing_package
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

ARRANGED = {"order_id": "order-1", "carrier": "Mill & Sons", "tracking_id": "MS-1"}
REFUSED = {"order_id": "order-1", "reason": "no carts are left"}
TIME = timedelta(days=2).total_seconds()


class Asked:
    """An order whose carrier has been asked, and says nothing by itself."""

    def __init__(self, cloud, carrier, requested, flow):
        self.cloud = cloud
        self.carrier = carrier
        self.id = requested["callback_id"]
        self.flow = flow

    def answer(self, name="ShipmentArranged", data=ARRANGED, callback_id=None):
        """Answer, and wait until all that follows is done; gives the status."""
        status = self.carrier.send(callback_id or self.id, name, data)
        self.cloud.settle()
        return status

    def names(self):
        return self.cloud.trace(self.flow).names()

    def saga(self):
        return self.cloud.trace(self.flow).work("Fulfilment").status

    def pass_time(self, seconds):
        self.cloud.on_loop(lambda: self.cloud.scheduler.after(seconds, lambda: None, "a test"))
        self.cloud.settle()


@pytest.fixture
def carrier(cloud):
    """A carrier that keeps what it is asked, and answers when a test lets it."""
    with Carrier(cloud.client, lambda _requested: None) as carrier:
        carrier.heard = []
        carrier.answer = lambda requested: carrier.heard.append(requested) or 202
        yield carrier


@pytest.fixture
def asked(stocked, put, carrier):
    flow = put("order_placed")
    stocked.settle()
    return Asked(stocked, carrier, carrier.heard[-1], flow)


@pytest.fixture
def kept(table):
    """The item of a callback, in the table of the tokens."""
    return lambda asked: table("Tokens").get_item(Key={"id": asked.id.partition(".")[0]})["Item"]


def test_a_step_waits_for_its_answer_while_all_else_settles(asked):
    assert asked.saga() == "RUNNING"
    assert asked.names()[-1] == "ShippingRequested"


def test_an_answer_goes_on_with_its_flow_as_an_event_that_the_request_has_caused(asked):
    assert asked.answer() == 202
    events = {event.name: event for event in asked.cloud.trace(asked.flow).events()}
    assert events["ShipmentArranged"].causation_id == events["ShippingRequested"].event_id
    assert (asked.saga(), "OrderCompleted" in events) == ("SUCCEEDED", True)


def test_a_refusal_undoes_the_steps_before_it_in_reverse(asked):
    assert asked.answer("ShipmentRefused", REFUSED) == 202
    assert [name for name in asked.names() if "Refu" in name or "Rel" in name or "Rej" in name] == [
        *("ShipmentRefused", "PaymentRefunded", "StockReleased", "OrderRejected")
    ]


def test_an_answer_may_be_sent_again_and_counts_once(asked):
    assert [asked.answer() for _ in range(3)] == [202] * 3
    names = Counter(asked.names())
    assert (names["ShipmentArranged"], names["OrderCompleted"]) == (1, 1)


def test_another_answer_comes_too_late(asked):
    asked.answer()
    assert asked.answer("ShipmentRefused", REFUSED) == 409
    assert "ShipmentRefused" not in asked.names()


@pytest.mark.parametrize("change", [str.upper, lambda known: known[:-1] + "_" * (known[-1] != "_"), lambda _: "x"])
def test_an_id_that_was_never_given_is_not_found(asked, change):
    assert asked.answer(callback_id=change(asked.id)) == 404
    assert asked.saga() == "RUNNING"


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("ShipmentArranged", {"order_id": "order-1"}, 422),
        ("ShipmentRefused", ARRANGED, 422),
        ("OrderCompleted", ARRANGED, 403),
        ("ShipmentArranged", {**ARRANGED, "carrier": "x" * 100_000}, 413),
    ],
)
def test_what_is_no_answer_is_refused_and_the_callback_stays_good(asked, name, data, status):
    assert asked.answer(name, data) == status
    assert asked.answer() == 202


def test_nobody_answers_without_a_signature(asked, monkeypatch):
    headers = {"host": urlsplit(asked.carrier._endpoint).netloc, "content-type": CONTENT_TYPE}
    monkeypatch.setattr(asked.carrier, "_signed", lambda _path, _body: headers)
    assert asked.answer() == 403
    assert asked.saga() == "RUNNING"


def test_when_its_time_is_over_the_step_has_failed_and_is_undone(asked):
    asked.pass_time(TIME - 60)
    assert asked.saga() == "RUNNING"
    asked.pass_time(120)
    assert asked.names().count("OrderRejected") == 1
    assert (asked.answer(), "ShipmentArranged" in asked.names()) == (410, False)


def test_the_token_stands_in_its_table_and_nowhere_else(asked, kept, table):
    token = kept(asked)["task_token"]
    asked.answer()
    logs, tables = asked.cloud.client("logs"), asked.cloud.client("dynamodb").list_tables()["TableNames"]
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    lines = [line["message"] for group in groups for line in logs.filter_log_events(logGroupName=group)["events"]]
    rows = [table(name).scan()["Items"] for name in tables if "Tokens" not in name]
    records = asked.cloud.on_loop(lambda: asked.cloud.region.history.flow(asked.flow))
    assert any("answer accepted" in line for line in lines)
    assert token not in f"{lines} {rows} {records} {asked.carrier.heard}"


def test_logs_hold_no_id_by_which_to_answer(asked):
    asked.answer()
    logs = asked.cloud.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    assert asked.id not in str([logs.filter_log_events(logGroupName=group)["events"] for group in groups])


def test_a_redriven_step_waits_again_by_the_same_callback(asked):
    """The handler is not run again; a late answer counts."""
    machines = asked.cloud.client("stepfunctions")
    execution = asked.cloud.trace(asked.flow).work("Fulfilment").execution
    machines.stop_execution(executionArn=execution)
    asked.cloud.settle()
    stopped = asked.answer()
    machines.redrive_execution(executionArn=execution)
    asked.cloud.settle()
    assert (stopped, asked.answer(), asked.saga()) == (503, 202, "SUCCEEDED")
    assert asked.names().count("ShippingRequested") == 1


def test_a_callback_is_forgotten_once_nothing_can_come_of_it_any_more(asked, kept):
    assert kept(asked)["expiration"] > asked.cloud.scheduler.clock.now() + TIME


@pytest.fixture
def killed(stocked, function_named, tmp_path):
    """Have a function killed at a call of AWS's APIs, the first time that it comes there."""

    def deploy(name, operation, number, *, before):
        mark = tmp_path / "killed"  # the contract is imported by the step and by the door
        code = crashing_package("arrange_shipping", mark, (operation, number), before=before, inside="carrier")
        stocked.client("lambda").update_function_code(FunctionName=function_named(name), ZipFile=code)
        return mark

    return deploy


STEP = [("UpdateItem", number, before) for number in (1, 2, 3, 4) for before in (True, False)]
DOOR = [("UpdateItem", 1, False), ("SendTaskSuccess", 1, True), ("SendTaskSuccess", 1, False), ("UpdateItem", 2, False)]
KILLS = [("arrange_shipping", *point) for point in (*STEP, ("PutEvents", 1, False))]
KILLS += [("api_answers", *point) for point in DOOR]


@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: " ".join(map(str, kill)))
def test_whatever_is_killed_the_answer_counts_once(stocked, put, killed, carrier, kill):
    function, operation, number, before = kill
    mark = killed(function, operation, number, before=before)
    carrier.answer = lambda asked: carrier.heard.append(asked["callback_id"]) or Carrier.answer(carrier, asked)
    flow = put("order_placed")
    stocked.settle()
    names = Counter(stocked.trace(flow).names())
    assert mark.exists()
    assert [names[name] for name in ("ShippingRequested", "ShipmentArranged", "OrderCompleted")] == [1, 1, 1]
    assert len(set(carrier.heard)) == 1, "each try has the same id"
