"""Failures of one processor are reported, leave dead letters and do not affect other processors."""

import json

import pytest
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

IMPORTS = """
from functions.contracts.fulfilment import OrderCompleted
from functions.contracts.loyalty import PointsAwarded, GiftIssued
from millrace.runtime import processor, Table
"""


def failing(body, returns="PointsAwarded"):
    return f"{IMPORTS}\n@processor\ndef handler(order: OrderCompleted, points: Table) -> {returns}:\n    {body}\n"


def flow_with(stocked, put, replace_handler, source):
    """Complete an order with a broken points function and return the trace."""
    replace_handler("award_points", source)
    correlation_id = put("place_order")
    stocked.settle()
    return stocked.trace(correlation_id)


def test_failing_processor_does_not_affect_the_order(stocked, put, replace_handler):
    trace = flow_with(stocked, put, replace_handler, failing('raise RuntimeError("no points today")'))
    assert "OrderCompleted" in trace.names()
    assert "CreditRated" in trace.names()
    assert trace.work("Fulfilment").status == "SUCCEEDED"


def test_event_moves_to_the_dead_letter_queue_after_its_retries(stocked, put, replace_handler, messages):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    trace = flow_with(stocked, put, replace_handler, failing('raise RuntimeError("no points today")'))
    (dead_letter,) = messages("awardpoints", "dead")
    assert json.loads(dead_letter["Body"])["detail-type"] == "OrderCompleted"
    assert "awardpoints" in dead_letter["Attributes"]["DeadLetterQueueSourceArn"].lower()
    assert len(trace.work("award_points").attempts) == 5
    assert trace.work("award_points").dead_letter


def test_failed_asynchronous_invocation_sends_the_invocation_record(stocked, put, replace_handler, messages):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    source = """
from functions.contracts.fulfilment import OrderCompleted, OrderRejected
from functions.contracts.credit import CreditRated
from millrace.runtime import processor, Table

@processor
def handler(order: OrderCompleted | OrderRejected, ratings: Table) -> CreditRated:
    raise RuntimeError("no rating today")
"""
    replace_handler("rate_credit", source)
    put("place_order")
    stocked.settle()
    (dead_letter,) = messages("ratecredit", "dead")
    record = json.loads(dead_letter["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorMessage"] == "no rating today"


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (
            failing('return GiftIssued(customer_id="c", gift="mug")'),
            "UndeclaredEventError: award_points returned GiftIssued, but its signature declares PointsAwarded",
        ),
        (
            failing('return PointsAwarded(customer_id="c", points="many", total=1)'),
            "ContractError: PointsAwarded.points = 'many'",
        ),
        (
            failing('return PointsAwarded.model_construct(customer_id="c", points="many", total=1)'),
            "ContractError: PointsAwarded.points = 'many'",
        ),
        (
            failing("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"),
            "Runtime exited with error: signal: killed",
        ),
    ],
    ids=["undeclared event", "contract violation", "unvalidated contract violation", "killed process"],
)
def test_broken_handler_is_reported_and_leaves_a_dead_letter(stocked, put, replace_handler, messages, source, error):
    trace = flow_with(stocked, put, replace_handler, source)
    assert any(error in each for each in trace.errors()), trace.errors()
    assert [json.loads(dead_letter["Body"])["detail-type"] for dead_letter in messages("awardpoints", "dead")] == [
        "OrderCompleted"
    ]
    assert "CreditRated" in trace.names()


def test_publishing_an_undeclared_event_with_boto3_is_denied_and_reported(stocked, put, replace_handler, messages):
    """IAM allows a function's role only the events in its signature."""
    entry = '{"Source": "shop.loyalty", "DetailType": "GiftIssued", "Detail": "{}", "EventBusName": "shop"}'
    source = failing(f"import boto3; raise RuntimeError(boto3.client('events').put_events(Entries=[{entry}]))")
    trace = flow_with(stocked, put, replace_handler, source)
    assert any("AccessDenied" in error or "NotAuthorized" in error for error in trace.errors()), trace.errors()
    assert "GiftIssued" not in trace.names()
    assert len(messages("awardpoints", "dead")) == 1


def test_handler_timeout_is_reported_and_leaves_a_dead_letter(stocked, put, replace_handler, messages, function_named):
    name = function_named("award_points")
    stocked.client("lambda").update_function_configuration(FunctionName=name, Timeout=1)
    trace = flow_with(stocked, put, replace_handler, failing("while True: pass"))
    assert any("Task timed out after 1.00 seconds" in error for error in trace.errors()), trace.errors()
    assert len(messages("awardpoints", "dead")) == 1


def test_event_that_violates_its_contract_is_quarantined_without_retries(stocked, put, messages):
    correlation_id = put("order_completed", total_cents="much")
    stocked.settle()
    trace = stocked.trace(correlation_id)
    assert any("OrderCompleted.total_cents = 'much'" in error for error in trace.errors())
    assert {len(work.attempts) for work in trace.works()} == {1}
    consumers = {dead_letter["MessageAttributes"]["CONSUMER"]["StringValue"] for dead_letter in messages("busdead")}
    assert {"award_points", "rate_credit"} <= consumers


def test_looping_event_is_quarantined_with_its_path(stocked, put, messages, recorded):
    envelope = recorded("order_completed")
    metadata = envelope["detail"]["metadata"] | {"hops": 33, "path": "shop → complete_order → shop"}
    entry = {"Source": envelope["source"], "DetailType": envelope["detail-type"], "EventBusName": "shop"}
    detail = {**envelope["detail"], "metadata": metadata}
    stocked.client("events").put_events(Entries=[entry | {"Detail": json.dumps(detail)}])
    stocked.settle()
    (dead_letter,) = messages("awardpoints", "dead")
    assert "33 hops" in dead_letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert "complete_order → shop" in dead_letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]


def test_failed_step_is_compensated_with_its_own_undo(stocked, put, replace_handler):
    source = """
from functions.contracts.fulfilment import PaymentCharged
from functions.contracts.orders import OrderPlaced
from millrace.runtime import step

@step
def handler(order: OrderPlaced) -> PaymentCharged:
    raise ConnectionError("the bank is not available")
"""
    replace_handler("charge_payment", source)
    correlation_id = put("place_order")
    stocked.settle()
    trace = stocked.trace(correlation_id)
    steps = [step.name for step in trace.work("Fulfilment").steps]
    assert steps == ["reserve_stock", "charge_payment", "refund_payment", "release_stock", "reject_order"]
    assert trace.names()[1:5] == ["OrderPlaced", "StockReserved", "StockReleased", "OrderRejected"]


@pytest.mark.parametrize(("source", "name"), [("shop.orders", "OrderMislaid"), ("somebody.else", "OrderPlaced")])
def test_event_without_a_contract_is_quarantined_with_the_reason(stocked, messages, source, name):
    entry = {"Source": source, "DetailType": name, "Detail": '{"anything": [1]}', "EventBusName": "shop"}
    stocked.client("events").put_events(Entries=[entry])
    stocked.settle()
    (dead_letter,) = messages("busdead")
    body = json.loads(dead_letter["Body"])
    assert body["undeclared"] == "No contract of this app has its source and detail-type."
    assert (body["event"]["source"], body["event"]["detail-type"]) == (source, name)
    assert body["event"]["detail"] == {"anything": [1]}
