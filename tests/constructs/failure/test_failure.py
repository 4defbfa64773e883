"""Failure strategies: resources and validation."""

import json
import re

import pytest

from millrace.constructs import (
    FailureStrategyError,
    Processor,
    direct,
    fail_back,
    fail_fast,
    fail_over,
    fail_safe,
    fail_silent,
    ordered,
    queue,
)

DAY = 86_400


@pytest.fixture
def failing(stack, bus, synthesised):
    """Synthesize a processor with a failure strategy."""

    def make(failure, channel=None, **more):
        Processor(stack, "P", bus=bus, function="issue_gift", channel=channel, failure=failure, **more)
        return synthesised()

    return make


def redrives(template):
    """Return the maximum receive count and the dead-letter queue of each queue."""
    queues = template.of("SQS::Queue")
    return {
        name: (q["RedrivePolicy"]["maxReceiveCount"], q["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0])
        for name, q in queues.items()
        if "RedrivePolicy" in q
    }


def test_fail_fast_limits_the_receive_count_to_one(failing):
    assert [count for count, _ in redrives(failing(fail_fast())).values()] == [1]


def test_fail_fast_with_a_direct_channel_disables_retries(failing):
    (config,) = failing(fail_fast(), direct()).of("Lambda::EventInvokeConfig").values()
    assert config["MaximumRetryAttempts"] == 0


@pytest.mark.parametrize(("failure", "first"), [(fail_over("issue_gift"), 5), (fail_safe("issue_gift"), 1)])
def test_fallback_queue_is_between_the_queue_and_the_dead_letter_queue(failing, failure, first):
    template = failing(failure)
    found = redrives(template)
    (start,) = set(found) - {to for _, to in found.values()}
    fallback = found[start][1]
    assert [found[start][0], found[fallback][0]] == [first, first + 5]
    assert template.of("SQS::Queue")[found[fallback][1]]["MessageRetentionPeriod"] == 14 * DAY
    assert len(template.of("Lambda::EventSourceMapping")) == 2


def test_fallback_queue_is_the_on_failure_destination_of_a_direct_channel(failing):
    template = failing(fail_over("issue_gift"), direct())
    (config,) = template.of("Lambda::EventInvokeConfig").values()
    (queue,) = redrives(template)
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [queue, "Arn"]}


def test_fail_silent_retains_events_without_an_alarm(failing):
    template = failing(fail_silent())
    alarms = [alarm["AlarmDescription"] for alarm in template.of("CloudWatch::Alarm").values()]
    assert [text.rpartition("#")[2] for text in alarms if text.startswith("Test/P")] == ["age", "loops", "undelivered"]
    assert 7 * DAY in [queue["MessageRetentionPeriod"] for queue in template.of("SQS::Queue").values()]


def test_fail_back_schedules_a_message_move_task(failing):
    template = failing(fail_back())
    (schedule,) = template.of("Scheduler::Schedule").values()
    ((queue, (_, dead_letters)),) = redrives(template).items()
    target = schedule["Target"]
    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    assert str(target["Arn"]).endswith(":scheduler:::aws-sdk:sqs:startMessageMoveTask']]}")
    assert [dead_letters in json.dumps(target["Input"]), queue in json.dumps(target["Input"])] == [True, True]


def test_only_schedules_of_this_account_may_assume_the_role_of_a_redrive(failing):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html"""
    trusts = [str(role["AssumeRolePolicyDocument"]) for role in failing(fail_back()).of("IAM::Role").values()]
    (trust,) = [each for each in trusts if "scheduler.amazonaws.com" in each]
    assert "{'StringEquals': {'aws:SourceAccount': {'Ref': 'AWS::AccountId'}}}" in trust


@pytest.mark.parametrize(
    ("failure", "channel", "message"),
    [
        (
            fail_over("award_points"),
            queue(),
            "award_points is the fallback of issue_gift and does not take Tier",
        ),
        (fail_over("issue_gift"), ordered(partition_key="customer_id"), "ordered() stores failed records in a bucket"),
        (fail_back(), direct(), "fail_back() moves events back into a queue: use queue()"),
    ],
)
def test_unsuitable_strategy_raises(stack, bus, table, failure, channel, message):
    tables = {"points": table} if failure.fallback == "award_points" else {}
    with pytest.raises(FailureStrategyError, match=re.escape(message)):
        Processor(stack, "P", bus=bus, function="issue_gift", channel=channel, failure=failure, tables=tables)
