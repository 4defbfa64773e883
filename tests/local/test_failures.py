"""What goes wrong in one processor: told clearly, kept, and of no concern to the others."""

import json

import pytest

IMPORTS = """
from functions.contracts.fulfilment import OrderCompleted
from functions.contracts.loyalty import PointsAwarded, GiftIssued
from millrace.runtime import processor, Table
"""


def failing(body, returns="PointsAwarded"):
    return f"{IMPORTS}\n@processor\ndef handler(order: OrderCompleted, points: Table) -> {returns}:\n    {body}\n"


def flow_with(stocked, put, replace_handler, source):
    """Complete an order while the points function is broken; the trace of that."""
    replace_handler("award_points", source)
    correlation_id = put("place_order")
    stocked.settle()
    return stocked.trace(correlation_id)


def test_a_failing_consumer_leaves_the_order_untouched(stocked, put, replace_handler):
    trace = flow_with(stocked, put, replace_handler, failing('raise RuntimeError("no points today")'))
    assert "OrderCompleted" in trace.names()
    assert "CreditRated" in trace.names()
    assert trace.work("Fulfilment").status == "SUCCEEDED"


def test_an_event_lands_in_the_dead_letter_queue_after_its_retries(stocked, put, replace_handler, messages):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    trace = flow_with(stocked, put, replace_handler, failing('raise RuntimeError("no points today")'))
    (letter,) = messages("awardpoints", "dead")
    assert json.loads(letter["Body"])["detail-type"] == "OrderCompleted"
    assert "awardpoints" in letter["Attributes"]["DeadLetterQueueSourceArn"].lower()
    assert len(trace.work("award_points").attempts) == 5
    assert trace.work("award_points").dead_letter


def test_an_asynchronous_invocation_lands_there_with_the_record_of_lambda(stocked, put, replace_handler, messages):
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
    (letter,) = messages("ratecredit", "dead")
    record = json.loads(letter["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responsePayload"]["errorMessage"] == "no rating today"


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            failing('return GiftIssued(customer_id="c", gift="mug")'),
            "UndeclaredEvent: award_points returned GiftIssued, and its signature declares PointsAwarded",
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
    ids=["an undeclared event", "a broken contract", "a contract broken behind its back", "a killed process"],
)
def test_a_broken_handler_is_told_and_its_event_kept(stocked, put, replace_handler, messages, source, told):
    trace = flow_with(stocked, put, replace_handler, source)
    assert any(told in error for error in trace.errors()), trace.errors()
    assert [json.loads(letter["Body"])["detail-type"] for letter in messages("awardpoints", "dead")] == [
        "OrderCompleted"
    ]
    assert "CreditRated" in trace.names()


def test_an_event_put_round_the_signature_is_denied_and_told(stocked, put, replace_handler, messages):
    """Its role may publish what its signature declares, and IAM judges each entry."""
    entry = '{"Source": "shop.loyalty", "DetailType": "GiftIssued", "Detail": "{}", "EventBusName": "shop"}'
    source = failing(f"import boto3; raise RuntimeError(boto3.client('events').put_events(Entries=[{entry}]))")
    trace = flow_with(stocked, put, replace_handler, source)
    assert any("AccessDenied" in error or "NotAuthorized" in error for error in trace.errors()), trace.errors()
    assert "GiftIssued" not in trace.names()
    assert len(messages("awardpoints", "dead")) == 1


def test_a_handler_over_its_timeout_is_told_and_its_event_kept(stocked, put, replace_handler, messages, function_named):
    name = function_named("award_points")
    stocked.client("lambda").update_function_configuration(FunctionName=name, Timeout=1)
    trace = flow_with(stocked, put, replace_handler, failing("while True: pass"))
    assert any("Task timed out after 1.00 seconds" in error for error in trace.errors()), trace.errors()
    assert len(messages("awardpoints", "dead")) == 1


def test_an_event_that_breaks_its_contract_is_put_aside_at_once_with_the_reason(stocked, put, messages):
    correlation_id = put("order_completed", total_cents="much")
    stocked.settle()
    trace = stocked.trace(correlation_id)
    assert any("OrderCompleted.total_cents = 'much'" in error for error in trace.errors())
    assert {len(work.attempts) for work in trace.works()} == {1}
    told = {letter["MessageAttributes"]["CONSUMER"]["StringValue"] for letter in messages("busdead")}
    assert {"award_points", "rate_credit"} <= told


def test_an_event_that_went_round_is_put_aside_with_its_way(stocked, put, messages, recorded):
    envelope = recorded("order_completed")
    known = envelope["detail"]["metadata"] | {"hops": 33, "path": "shop → complete_order → shop"}
    entry = {"Source": envelope["source"], "DetailType": envelope["detail-type"], "EventBusName": "shop"}
    detail = {**envelope["detail"], "metadata": known}
    stocked.client("events").put_events(Entries=[entry | {"Detail": json.dumps(detail)}])
    stocked.settle()
    (letter,) = messages("awardpoints", "dead")
    assert "33 causes" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert "complete_order → shop" in letter["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]


def test_a_step_that_fails_is_undone_with_its_own_undo(stocked, put, replace_handler):
    source = """
from functions.contracts.fulfilment import PaymentCharged
from functions.contracts.orders import OrderPlaced
from millrace.runtime import step

@step
def handler(order: OrderPlaced) -> PaymentCharged:
    raise ConnectionError("the bank is away")
"""
    replace_handler("charge_payment", source)
    correlation_id = put("place_order")
    stocked.settle()
    trace = stocked.trace(correlation_id)
    steps = [step.name for step in trace.work("Fulfilment").steps]
    assert steps == ["reserve_stock", "charge_payment", "refund_payment", "release_stock", "reject_order"]
    assert trace.names()[1:5] == ["OrderPlaced", "StockReserved", "StockReleased", "OrderRejected"]


@pytest.mark.parametrize(("source", "name"), [("shop.orders", "OrderMislaid"), ("somebody.else", "OrderPlaced")])
def test_an_event_that_no_contract_names_is_put_aside_with_the_reason(cloud, messages, source, name):
    entry = {"Source": source, "DetailType": name, "Detail": '{"anything": [1]}', "EventBusName": "shop"}
    cloud.client("events").put_events(Entries=[entry])
    cloud.settle()
    (letter,) = messages("busdead")
    told = json.loads(letter["Body"])
    assert told["undeclared"] == "No contract of this app has its source and detail-type."
    assert (told["event"]["source"], told["event"]["detail-type"]) == (source, name)
    assert told["event"]["detail"] == {"anything": [1]}
