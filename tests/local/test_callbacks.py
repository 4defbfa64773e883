"""Callbacks: the carrier answers a waiting step through the API of the shop."""

from collections import Counter
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from carrier import CONTENT_TYPE, Carrier
from crash_kit import crashing_package
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

ARRANGED = {"order_id": "order-1", "carrier": "Mill & Sons", "tracking_id": "MS-1"}
REFUSED = {"order_id": "order-1", "reason": "no carts are left"}
TIMEOUT = timedelta(days=2).total_seconds()


class Callback:
    """The pending callback of an order. The carrier has received its request."""

    def __init__(self, cloud, carrier, request, correlation_id):
        self.cloud = cloud
        self.carrier = carrier
        self.id = request["callback_id"]
        self.correlation_id = correlation_id

    def answer(self, name="ShipmentArranged", data=ARRANGED, callback_id=None):
        """Send an answer, settle, and return the status of the response."""
        status = self.carrier.send(callback_id or self.id, name, data)
        self.cloud.settle()
        return status

    def events(self):
        """Return the names of the order's events."""
        return self.cloud.trace(self.correlation_id).names()

    def saga(self):
        """Return the status of the order's execution."""
        return self.cloud.trace(self.correlation_id).work("Fulfilment").status

    def pass_time(self, seconds):
        """Skip time, and settle."""
        self.cloud.on_loop(lambda: self.cloud.scheduler.after(seconds, lambda: None, "a test"))
        self.cloud.settle()

    def logs(self):
        """Return the messages of all log groups."""
        logs = self.cloud.client("logs")
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        return [line["message"] for name in groups for line in logs.filter_log_events(logGroupName=name)["events"]]


@pytest.fixture
def carrier(cloud):
    """A carrier that records its requests. A test sends the answers."""
    with Carrier(cloud.client, lambda _request: None) as carrier:
        carrier.requests = []
        carrier.answer = lambda request: carrier.requests.append(request) or 202
        yield carrier


@pytest.fixture
def callback(stocked, put, carrier):
    correlation_id = put("order_placed")
    stocked.settle()
    return Callback(stocked, carrier, carrier.requests[-1], correlation_id)


@pytest.fixture
def stored(table):
    """The item of a callback in the table of the task tokens."""
    return lambda callback: table("Tokens").get_item(Key={"id": callback.id.partition(".")[0]})["Item"]


def test_waiting_step_does_not_keep_the_cloud_from_settling(callback):
    assert callback.saga() == "RUNNING"
    assert callback.events()[-1] == "ShippingRequested"


def test_answer_resumes_the_saga_and_its_event_has_the_request_as_cause(callback):
    assert callback.answer() == 202
    events = {event.name: event for event in callback.cloud.trace(callback.correlation_id).events()}
    assert events["ShipmentArranged"].causation_id == events["ShippingRequested"].event_id
    assert (callback.saga(), "OrderCompleted" in events) == ("SUCCEEDED", True)


def test_refusal_compensates_the_earlier_steps_in_reverse_order(callback):
    assert callback.answer("ShipmentRefused", REFUSED) == 202
    assert [name for name in callback.events() if "Refu" in name or "Rel" in name or "Rej" in name] == [
        *("ShipmentRefused", "PaymentRefunded", "StockReleased", "OrderRejected")
    ]


def test_repeated_answer_is_accepted_and_has_one_effect(callback):
    assert [callback.answer() for _ in range(3)] == [202] * 3
    names = Counter(callback.events())
    assert (names["ShipmentArranged"], names["OrderCompleted"]) == (1, 1)


def test_second_different_answer_is_a_conflict(callback):
    callback.answer()
    assert callback.answer("ShipmentRefused", REFUSED) == 409
    assert "ShipmentRefused" not in callback.events()


@pytest.mark.parametrize("change", [str.upper, lambda known: known[:-1] + "_" * (known[-1] != "_"), lambda _: "x"])
def test_unknown_callback_id_is_not_found(callback, change):
    assert callback.answer(callback_id=change(callback.id)) == 404
    assert callback.saga() == "RUNNING"


@pytest.mark.parametrize(
    ("name", "data", "status"),
    [
        ("ShipmentArranged", {"order_id": "order-1"}, 422),
        ("ShipmentRefused", ARRANGED, 422),
        ("OrderCompleted", ARRANGED, 403),
        ("ShipmentArranged", {**ARRANGED, "carrier": "x" * 100_000}, 413),
    ],
)
def test_invalid_answer_is_rejected_and_a_valid_one_can_follow(callback, name, data, status):
    assert callback.answer(name, data) == status
    assert callback.answer() == 202


def test_answer_without_a_signature_is_forbidden(callback, monkeypatch):
    headers = {"host": urlsplit(callback.carrier._endpoint).netloc, "content-type": CONTENT_TYPE}
    monkeypatch.setattr(callback.carrier, "_signed", lambda _path, _body: headers)
    assert callback.answer() == 403
    assert callback.saga() == "RUNNING"


def test_step_times_out_and_the_saga_is_compensated(callback):
    callback.pass_time(TIMEOUT - 60)
    assert callback.saga() == "RUNNING"
    callback.pass_time(120)
    assert callback.events().count("OrderRejected") == 1
    assert (callback.answer(), "ShipmentArranged" in callback.events()) == (410, False)


def test_task_token_is_stored_in_its_table_only(callback, stored, table):
    token = stored(callback)["task_token"]
    callback.answer()
    lines, tables = callback.logs(), callback.cloud.client("dynamodb").list_tables()["TableNames"]
    rows = [table(name).scan()["Items"] for name in tables if "Tokens" not in name]
    records = callback.cloud.on_loop(lambda: callback.cloud.region.history.flow(callback.correlation_id))
    assert any("answer accepted" in line for line in lines)
    assert token not in f"{lines} {rows} {records} {callback.carrier.requests}"


def test_logs_contain_no_callback_id(callback):
    callback.answer()
    assert callback.id not in str(callback.logs())


def test_redriven_step_waits_for_the_same_callback(callback):
    """The handler does not run again, and a late answer is accepted."""
    machines = callback.cloud.client("stepfunctions")
    execution = callback.cloud.trace(callback.correlation_id).work("Fulfilment").execution
    machines.stop_execution(executionArn=execution)
    callback.cloud.settle()
    stopped = callback.answer()
    machines.redrive_execution(executionArn=execution)
    callback.cloud.settle()
    assert (stopped, callback.answer(), callback.saga()) == (503, 202, "SUCCEEDED")
    assert callback.events().count("ShippingRequested") == 1


def test_callback_expires_after_the_timeout_of_its_step(callback, stored):
    assert stored(callback)["expiration"] > callback.cloud.scheduler.clock.now() + TIMEOUT


@pytest.fixture
def crashing(stocked, function_named, tmp_path):
    """Deploy a function whose process is killed once, at a call of an AWS API."""

    def deploy(name, operation, number, *, before):
        mark = tmp_path / "killed"  # both the step and the function of the API import the contract
        code = crashing_package("arrange_shipping", mark, (operation, number), before=before, inside="carrier")
        stocked.client("lambda").update_function_code(FunctionName=function_named(name), ZipFile=code)
        return mark

    return deploy


STEP = [("UpdateItem", number, before) for number in (1, 2, 3, 4) for before in (True, False)]
API = [("UpdateItem", 1, False), ("SendTaskSuccess", 1, True), ("SendTaskSuccess", 1, False), ("UpdateItem", 2, False)]
CRASHES = [("arrange_shipping", *point) for point in (*STEP, ("PutEvents", 1, False))]
CRASHES += [("api_answers", *point) for point in API]


@pytest.mark.parametrize("crash", CRASHES, ids=lambda crash: " ".join(map(str, crash)))
def test_answer_has_one_effect_after_a_crash(stocked, put, crashing, carrier, crash):
    function, operation, number, before = crash
    mark = crashing(function, operation, number, before=before)
    carrier.answer = lambda request: carrier.requests.append(request["callback_id"]) or Carrier.answer(carrier, request)
    correlation_id = put("order_placed")
    stocked.settle()
    names = Counter(stocked.trace(correlation_id).names())
    assert mark.exists()
    assert [names[name] for name in ("ShippingRequested", "ShipmentArranged", "OrderCompleted")] == [1, 1, 1]
    assert len(set(carrier.requests)) == 1, "each attempt has the same callback id"
