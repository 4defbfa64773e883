"""The shop's flows through the local cloud, from the template that is deployed."""

import json

from functions.contracts.fulfilment import PaymentDeclined
from millrace.events import Catalog
from millrace.flow.checking import read_system
from millrace.flow.cost import caused_by
from millrace.testing.mocks import Throw, step_result


def test_a_placed_order_runs_until_nothing_more_follows(stocked, put):
    names = stocked.trace(settled(stocked, put("place_order"))).names()
    assert names[:3] == ["PlaceOrder", "OrderPlaced", "StockReserved"]
    assert names[3:7] == ["PaymentCharged", "ShippingRequested", "ShipmentArranged", "OrderCompleted"]
    assert sorted(names[7:]) == [
        "CreditRated",
        "CustomerNotified",
        "GiftIssued",
        "PointsAwarded",
        "TierUpgraded",
    ]


def settled(cloud, correlation_id):
    cloud.settle()
    return correlation_id


def test_the_mediator_takes_its_steps_one_after_the_other(stocked, put):
    trace = stocked.trace(settled(stocked, put("place_order")))
    saga = trace.work("Fulfilment")
    assert [step.name for step in saga.steps] == [
        "reserve_stock",
        "charge_payment",
        "arrange_shipping",
        "complete_order",
    ]
    assert saga.status == "SUCCEEDED"


def test_a_declined_payment_gives_the_stock_back_and_rejects_the_order(stocked, put, table):
    before = table("stock").scan()["Items"]
    trace = stocked.trace(settled(stocked, put("place_order_declined")))
    assert trace.names()[:-2] == [
        "PlaceOrder",
        "OrderPlaced",
        "StockReserved",
        "PaymentDeclined",
        "StockReleased",
        "OrderRejected",
    ]
    assert sorted(trace.names()[-2:]) == ["CreditRated", "CustomerNotified"]
    assert quantities(table("stock").scan()["Items"]) == quantities(before)


def quantities(items):
    return {item["sku"]: item["quantity"] for item in items if "quantity" in item}


def test_a_refused_shipment_is_undone_in_reverse(stocked, put):
    trace = stocked.trace(settled(stocked, put("place_order_undeliverable")))
    assert trace.names()[:-2] == [
        "PlaceOrder",
        "OrderPlaced",
        "StockReserved",
        "PaymentCharged",
        "ShippingRequested",
        "ShipmentRefused",
        "PaymentRefunded",
        "StockReleased",
        "OrderRejected",
    ]
    assert sorted(trace.names()[-2:]) == ["CreditRated", "CustomerNotified"]


def test_an_order_placed_twice_starts_one_execution(stocked, put):
    put("place_order")
    settled(stocked, put("place_order"))
    machines = stocked.client("stepfunctions")
    machine = machines.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    assert len(machines.list_executions(stateMachineArn=machine)["executions"]) == 1


def test_correlation_and_causation_run_through_the_whole_flow(stocked, put):
    trace = stocked.trace(settled(stocked, put("place_order")))
    completed = next(event for event in trace.events() if event.name == "OrderCompleted")
    placed = next(event for event in trace.events() if event.name == "OrderPlaced")
    assert (completed.causation_id, placed.causation_id) == (placed.event_id, trace.roots[0].event_id)
    said = {event.name for work in completed.works for event in work.published}
    assert said == {"PointsAwarded", "CreditRated", "CustomerNotified"}


def test_what_functions_log_is_in_cloudwatch_logs(stocked, put):
    correlation_id = settled(stocked, put("place_order"))
    logs = stocked.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    points = next(group for group in groups if "awardpoints" in group.lower())
    lines = [json.loads(event["message"]) for event in logs.filter_log_events(logGroupName=points)["events"]]
    handled = next(line for line in lines if line.get("message") == "event handled")
    assert handled["flow"]["correlation_id"] == correlation_id
    assert [said["event"] for said in handled["flow"]["published"]] == ["PointsAwarded"]


def test_the_logs_alone_tell_the_same_tree(stocked, put):
    from millrace.operations.logs import records_in
    from millrace.operations.trace import Trace

    correlation_id = settled(stocked, put("place_order"))
    logs = stocked.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    trace = Trace.of(correlation_id, records_in(logs, groups, correlation_id))
    assert sorted(trace.names()) == sorted(stocked.trace(correlation_id).names())


def test_a_customer_whom_the_mailer_does_not_reach_is_told_by_post(stocked, put, messages):
    trace = stocked.trace(settled(stocked, put("place_order_unreachable")))
    mail, post = trace.work("notify_by_mail"), trace.work("notify_by_post")
    assert "DependencyUnavailableError: MailerDown" in mail.attempts[0].error
    assert ([event.name for event in post.published], post.at - mail.at > 600) == (["CustomerNotified"], True)
    assert trace.work("Fulfilment").status == "SUCCEEDED"
    assert messages("notificationsnotify", "dead") == []


def test_a_step_can_be_mocked_without_its_function(stocked, put):
    declined = PaymentDeclined(order_id="mocked", reason="expired")
    mock = stocked.state_machine("Fulfilment").mock("charge_payment", Throw("InProgressError"), step_result(declined))
    trace = stocked.trace(settled(stocked, put("place_order")))
    assert trace.names()[:5] == ["PlaceOrder", "OrderPlaced", "StockReserved", "StockReleased", "OrderRejected"]
    assert len(mock.calls) == 2


def test_cost_states_at_least_what_an_order_causes(stocked, put, assembly, pytestconfig):
    def invocations():
        groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
        found = [logs.filter_log_events(logGroupName=group)["events"] for group in groups]
        return sum("platform.report" in line["message"] for lines in found for line in lines)

    logs = stocked.client("logs")
    before = invocations()
    put("place_order")
    stocked.settle()
    system = read_system(assembly, Catalog.load("functions.contracts"), pytestconfig.rootpath)
    assert caused_by(system, "shop.checkout:PlaceOrder")["invocations"] >= invocations() - before > 1
