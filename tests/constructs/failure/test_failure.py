"""Failure strategies: what each becomes, and what cannot be one."""

import json
import re

import pytest

from millrace.constructs import (
    Mediator,
    Processor,
    UnfitFailure,
    UnsoundFlow,
    broadcast,
    direct,
    fail_back,
    fail_fast,
    fail_over,
    fail_safe,
    fail_silent,
    fork,
    ordered,
    queue,
)

DAY = 86_400


@pytest.fixture
def failing(stack, bus, synthesised):
    """A processor under a strategy, synthesised."""

    def make(failure, channel=None, **more):
        Processor(stack, "P", bus=bus, function="issue_gift", channel=channel, failure=failure, **more)
        return synthesised()

    return make


def redrives(template):
    """The redrive policies of the queues: how many receives, and to which queue, by name."""
    queues = template.of("SQS::Queue")
    return {
        name: (q["RedrivePolicy"]["maxReceiveCount"], q["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0])
        for name, q in queues.items()
        if "RedrivePolicy" in q
    }


def test_failing_fast_is_one_delivery(failing):
    assert [count for count, _ in redrives(failing(fail_fast())).values()] == [1]


def test_failing_fast_behind_a_rule_is_one_attempt(failing):
    (config,) = failing(fail_fast(), direct()).of("Lambda::EventInvokeConfig").values()
    assert config["MaximumRetryAttempts"] == 0


@pytest.mark.parametrize(("failure", "first"), [(fail_over("issue_gift"), 5), (fail_safe("issue_gift"), 1)])
def test_a_second_function_has_its_queue_between_that_of_the_first_and_the_dead_letters(failing, failure, first):
    template = failing(failure)
    found = redrives(template)
    (start,) = set(found) - {to for _, to in found.values()}
    between = found[start][1]
    assert [found[start][0], found[between][0]] == [first, first + 5]
    assert template.of("SQS::Queue")[found[between][1]]["MessageRetentionPeriod"] == 14 * DAY
    assert len(template.of("Lambda::EventSourceMapping")) == 2


def test_behind_a_rule_the_second_function_is_sent_what_lambda_gives_up(failing):
    template = failing(fail_over("issue_gift"), direct())
    (config,) = template.of("Lambda::EventInvokeConfig").values()
    (waiting,) = redrives(template)
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [waiting, "Arn"]}


def test_a_silent_failure_is_kept_and_rings_no_alarm(failing):
    template = failing(fail_silent())
    alarms = [alarm["AlarmDescription"] for alarm in template.of("CloudWatch::Alarm").values()]
    assert [text for text in alarms if text.startswith("Test/P")] == [
        "Test/P/Alarms: Events wait for longer than they should."
    ]
    assert 7 * DAY in [queue["MessageRetentionPeriod"] for queue in template.of("SQS::Queue").values()]


def test_failing_back_has_sqs_move_the_letters_on_a_schedule(failing):
    template = failing(fail_back())
    (schedule,) = template.of("Scheduler::Schedule").values()
    ((waiting, (_, letters)),) = redrives(template).items()
    target = schedule["Target"]
    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    assert str(target["Arn"]).endswith(":scheduler:::aws-sdk:sqs:startMessageMoveTask']]}")
    assert [letters in json.dumps(target["Input"]), waiting in json.dumps(target["Input"])] == [True, True]


@pytest.mark.parametrize(
    ("failure", "channel", "told"),
    [
        (
            fail_over("award_points"),
            queue(),
            "award_points is to handle what issue_gift cannot, and does not take Tier",
        ),
        (fail_over("issue_gift"), ordered(by="customer_id"), "ordered() gives events up into a bucket"),
        (fail_back(), direct(), "fail_back() parks events beside their queue: use the channel queue()"),
    ],
)
def test_a_strategy_that_cannot_do_what_it_says_is_refused(stack, bus, table, failure, channel, told):
    tables = {"points": table} if failure.second == "award_points" else {}
    with pytest.raises(UnfitFailure, match=re.escape(told)):
        Processor(stack, "P", bus=bus, function="issue_gift", channel=channel, failure=failure, tables=tables)


@pytest.fixture
def table(stack):
    from aws_cdk import aws_dynamodb as dynamodb

    key = dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING)
    return dynamodb.Table(stack, "Table", partition_key=key)


def test_what_follows_a_fork_takes_the_answer_of_any(stack, bus, table):
    told = "the step complete_order takes shipment: ShipmentArranged, and no step before it says that"
    steps = [fork("arrange_shipping", "reserve_stock"), "complete_order"]
    with pytest.raises(UnsoundFlow, match=re.escape(told)):
        Mediator(stack, "M", bus=bus, steps=steps, tables={"stock": table})


def test_what_follows_a_broadcast_is_given_every_answer(stack, bus, table, synthesised):
    steps = [broadcast("arrange_shipping", "reserve_stock"), "complete_order"]
    Mediator(stack, "M", bus=bus, steps=steps, tables={"stock": table})
    states = synthesised().machine()["States"]
    assert states["arrange_shipping and reserve_stock"]["Next"] == "complete_order"
    assert "Catch" not in states["arrange_shipping and reserve_stock"]


def test_a_fork_that_nobody_answers_fails_where_a_redrive_asks_again(stack, bus, table, synthesised):
    Mediator(stack, "M", bus=bus, steps=[fork("arrange_shipping", "reserve_stock")], tables={"stock": table})
    states = synthesised().machine()["States"]
    ask, nobody = states["ask arrange_shipping or reserve_stock"], "arrange_shipping or reserve_stock: nobody answered"
    assert (ask["InputPath"], ask["ResultPath"]) == ("$$.Execution.RedriveCount", "$.asked")
    assert states["arrange_shipping or reserve_stock"]["Next"] == nobody
    again = {"Variable": "$$.Execution.RedriveCount", "NumericGreaterThanPath": "$.asked"}
    assert states[nobody] == {"Type": "Choice", "Choices": [{**again, "Next": "ask arrange_shipping or reserve_stock"}]}
