"""The flows of the shop in the local cloud, from the deployed template."""

import json

import pytest
from carrier import Carrier, refusal_reason
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

from functions.contracts.fulfilment import PaymentDeclined
from millrace.events import Catalog
from millrace.flow.checking import read_system
from millrace.flow.cost import caused_by
from millrace.operations.logs import records_in
from millrace.operations.trace import Trace
from millrace.testing.mocks import Throw, step_result


@pytest.fixture(scope="module")
def completed(cloud, put):
    """The trace of the first order of a customer. Its tests read it only."""
    with Carrier(cloud.client, refusal_reason):
        put("stock_delivered")
        cloud.settle()
        return traced(cloud, put("place_order", customer_id="customer-of-one-order"))


def traced(cloud, correlation_id):
    """Settle, and return the trace of a flow."""
    cloud.settle()
    return cloud.trace(correlation_id)


def log_groups(cloud):
    return [group["logGroupName"] for group in cloud.client("logs").describe_log_groups()["logGroups"]]


def test_order_runs_to_completion(completed):
    names = completed.names()
    assert names[:3] == ["PlaceOrder", "OrderPlaced", "StockReserved"]
    assert names[3:7] == ["PaymentCharged", "ShippingRequested", "ShipmentArranged", "OrderCompleted"]
    assert sorted(names[7:]) == ["CreditRated", "CustomerNotified", "GiftIssued", "PointsAwarded", "TierUpgraded"]


def test_mediator_runs_its_steps_in_order(completed):
    saga = completed.work("Fulfilment")
    assert [step.name for step in saga.steps] == [
        "reserve_stock",
        "charge_payment",
        "arrange_shipping",
        "check_cargo",
        "complete_order",
    ]
    assert saga.status == "SUCCEEDED"


def test_events_of_a_flow_have_correlation_and_causation_ids(completed):
    events = {event.name: event for event in completed.events()}
    assert events["OrderCompleted"].causation_id == events["OrderPlaced"].event_id
    assert events["OrderPlaced"].causation_id == completed.roots[0].event_id
    published = {event.name for work in events["OrderCompleted"].works for event in work.published}
    assert published == {"PointsAwarded", "CreditRated", "CustomerNotified"}


def test_logs_of_functions_are_in_cloudwatch_logs(cloud, completed):
    points = next(group for group in log_groups(cloud) if "awardpoints" in group.lower())
    found = cloud.client("logs").filter_log_events(logGroupName=points)["events"]
    lines = [json.loads(event["message"]) for event in found]
    (handled,) = [
        line["flow"]
        for line in lines
        if line.get("message") == "event handled" and line["flow"]["correlation_id"] == completed.correlation_id
    ]
    assert [event["event"] for event in handled["published"]] == ["PointsAwarded"]


def test_logs_contain_the_whole_trace(cloud, completed):
    records = records_in(cloud.client("logs"), log_groups(cloud), completed.correlation_id)
    trace = Trace.of(completed.correlation_id, records)
    assert sorted(trace.names()) == sorted(completed.names())


def test_declined_payment_releases_the_stock_and_rejects_the_order(stocked, put, table):
    before = table("stock").scan()["Items"]
    names = traced(stocked, put("place_order_declined")).names()
    assert names[:-2] == [
        *("PlaceOrder", "OrderPlaced", "StockReserved", "PaymentDeclined", "StockReleased", "OrderRejected")
    ]
    assert sorted(names[-2:]) == ["CreditRated", "CustomerNotified"]
    assert quantities(table("stock").scan()["Items"]) == quantities(before)


def quantities(items):
    return {item["sku"]: item["quantity"] for item in items if "quantity" in item}


def test_refused_shipment_is_compensated_in_reverse_order(stocked, put):
    names = traced(stocked, put("place_order_undeliverable")).names()
    assert names[:6] == [
        *("PlaceOrder", "OrderPlaced", "StockReserved", "PaymentCharged", "ShippingRequested", "ShipmentRefused")
    ]
    assert names[6:-2] == ["PaymentRefunded", "StockReleased", "OrderRejected"]
    assert sorted(names[-2:]) == ["CreditRated", "CustomerNotified"]


def test_duplicate_of_an_event_starts_no_second_execution(stocked, recorded):
    envelope = recorded("place_order")
    entry = {"Source": envelope["source"], "DetailType": envelope["detail-type"], "EventBusName": "shop"}
    entry["Detail"] = json.dumps(envelope["detail"])
    for _ in range(2):
        assert stocked.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
    stocked.settle()
    machines = stocked.client("stepfunctions")
    machine = machines.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    assert len(machines.list_executions(stateMachineArn=machine)["executions"]) == 1


def test_customer_is_notified_by_post_if_the_mailer_fails(stocked, put, messages):
    trace = traced(stocked, put("place_order_unreachable"))
    mail, post = trace.work("notify_by_mail"), trace.work("notify_by_post")
    assert "DependencyUnavailableError: MailerDown" in mail.attempts[0].error
    assert ([event.name for event in post.published], post.at - mail.at > 600) == (["CustomerNotified"], True)
    assert trace.work("Fulfilment").status == "SUCCEEDED"
    assert messages("notificationsnotify", "dead") == []


def test_step_is_mocked_without_its_function(stocked, put):
    declined = PaymentDeclined(order_id="mocked", reason="expired")
    mock = stocked.state_machine("Fulfilment").mock("charge_payment", Throw("InProgressError"), step_result(declined))
    trace = traced(stocked, put("place_order"))
    assert trace.names()[:5] == ["PlaceOrder", "OrderPlaced", "StockReserved", "StockReleased", "OrderRejected"]
    assert len(mock.calls) == 2


def test_cost_is_at_least_that_of_the_invocations_of_an_order(stocked, put, assembly, pytestconfig):
    def invocations():
        logs = stocked.client("logs")
        found = [logs.filter_log_events(logGroupName=group)["events"] for group in log_groups(stocked)]
        return sum("platform.report" in line["message"] for lines in found for line in lines)

    before = invocations()
    put("place_order")
    stocked.settle()
    system = read_system(assembly, Catalog.load("functions.contracts"), pytestconfig.rootpath)
    assert caused_by(system, "shop.checkout:PlaceOrder")["invocations"] >= invocations() - before > 1
