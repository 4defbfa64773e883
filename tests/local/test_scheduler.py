"""Schedules of EventBridge Scheduler, which call their targets."""

import json
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError
from bus_kit import attributes

from millrace.local.core.schedule_expressions import schedule

pytest_plugins = ["bus_fixtures"]

EXACT = {"Mode": "OFF"}
HOUR = 3600


@pytest.fixture
def role(local):
    """A role that may do what a schedule's target needs."""
    iam = local.client("iam")
    allow = {"Effect": "Allow", "Action": ["sqs:SendMessage", "events:PutEvents", "lambda:*"], "Resource": "*"}
    role = iam.create_role(RoleName="schedules", AssumeRolePolicyDocument="{}")["Role"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="schedules", PolicyName="allow", PolicyDocument=document)
    return role["Arn"]


@pytest.fixture
def plan(local, role):
    """Make a schedule to a target."""

    def plan(expression, arn, window=EXACT, name="schedule", settings=None, **target):
        return local.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression=expression,
            FlexibleTimeWindow=window,
            Target={"Arn": arn, "RoleArn": role, **target},
            **(settings or {}),
        )["ScheduleArn"]

    return plan


@pytest.fixture
def at(local):
    """The expression of a moment, so many seconds from now."""

    def at(seconds):
        return f"at({(local.scheduler.clock.datetime() + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')})"

    return at


def test_a_rate_runs_at_once_and_then_again_and_again(plan, queue, pass_time):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based"""
    observer = queue()
    plan("rate(2 hours)", observer.arn, Input="tick")
    pass_time(5 * HOUR)
    assert observer.bodies() == ["tick", "tick", "tick"]


def test_a_moment_comes_once_and_the_schedule_goes_if_it_shall(local, plan, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html"""
    observer = queue()
    plan(at(HOUR), observer.arn, Input="now", settings={"ActionAfterCompletion": "DELETE"})
    pass_time(3 * HOUR)
    assert observer.bodies() == ["now"]
    assert local.client("scheduler").list_schedules()["Schedules"] == []


def test_a_flow_does_not_wait_for_a_schedule(local, plan, queue, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule.html
    Differs: settling does not wait for schedules, nor leap to them.
    """
    observer = queue()
    plan(at(HOUR), observer.arn, Input="later")
    local.settle()
    assert observer.bodies() == []


@pytest.mark.parametrize(
    ("expression", "zone", "after", "expected"),
    [
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T00:00", ["03-28 02:30", "03-30 02:30"]),
        ("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00", ["10-25 02:30", "10-26 02:30"]),
        ("cron(0 9 ? * MON *)", "America/New_York", "2026-11-01T00:00", ["11-02 09:00", "11-09 09:00"]),
    ],
)
def test_a_cron_expression_follows_the_clocks_of_its_zone(expression, zone, after, expected):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time"""

    def runs(moment):
        while moment := schedule(expression, ZoneInfo(zone)).after(moment, 0):
            yield datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%m-%d %H:%M")

    assert list(islice(runs(datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone)).timestamp()), 2)) == expected


def test_a_flexible_window_lets_a_run_come_late(local, plan, queue, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html"""
    observer = queue()
    began = local.scheduler.clock.now()
    plan(at(10), observer.arn, {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30})
    due = next(item.due for item in local.scheduler._items if item.what == "schedule schedule" and not item.done)
    assert 9 < due - began <= 11 + 30 * 60


def test_a_schedule_without_an_input_sends_a_notification(plan, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets.html"""
    observer = queue()
    arn = plan(at(60), observer.arn)
    pass_time(HOUR)
    (sent,) = observer.events()
    assert (sent["detail-type"], sent["source"], sent["resources"]) == ("Scheduled Event", "aws.scheduler", [arn])


def test_an_input_may_name_the_run(plan, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
    observer = queue()
    arn = plan(
        at(60), observer.arn, Input='{"of": "<aws.scheduler.schedule-arn>", "n": <aws.scheduler.attempt-number>}'
    )
    pass_time(HOUR)
    assert observer.events() == [{"of": arn, "n": 1}]


def test_a_schedule_puts_an_event_onto_a_bus(local, events, plan, queue, rule, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html"""
    observer = queue()
    rule(observer.arn, pattern={"source": ["shop.clock"]})
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    told = {"Source": "shop.clock", "DetailType": "DayEnded"}
    plan(at(60), bus, Input='{"day": 1}', EventBridgeParameters=told)
    pass_time(HOUR)
    (event,) = observer.events()
    assert (event["detail-type"], event["detail"]) == ("DayEnded", {"day": 1})


def test_a_schedule_invokes_a_function(local, plan, function, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html"""
    local.client("sqs").create_queue(QueueName="told")
    source = "import boto3, json\ndef handler(event, context):\n    raise ValueError(event['day'])\n"
    plan(at(60), function(source, "clock"), Input='{"day": 7}')
    pass_time(HOUR)
    lines = local.client("logs").filter_log_events(logGroupName="/aws/lambda/clock")["events"]
    assert any("ValueError" in line["message"] and "7" in line["message"] for line in lines)


def test_what_cannot_be_delivered_ends_in_the_dead_letter_queue(plan, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html"""
    dead, gone = queue("dead"), "arn:aws:sqs:us-east-1:123456789012:gone"
    arn = plan(at(60), gone, Input="lost", DeadLetterConfig={"Arn": dead.arn})
    pass_time(HOUR)
    (letter,) = dead.messages()
    told = attributes(letter)
    assert (letter["Body"], told["SCHEDULE_ARN"], told["TARGET_ARN"]) == ("lost", arn, gone)


def test_a_schedule_may_do_what_its_role_may(local, plan, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role"""
    observer, dead = queue(), queue("dead")
    local.client("iam").delete_role_policy(RoleName="schedules", PolicyName="allow")
    plan(at(60), observer.arn, Input="no", DeadLetterConfig={"Arn": dead.arn})
    pass_time(HOUR)
    (letter,) = dead.messages()
    assert (observer.bodies(), attributes(letter)["ERROR_CODE"]) == ([], "AccessDeniedException")


def test_a_schedule_runs_between_its_dates_while_it_is_enabled(local, plan, queue, pass_time):
    """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"""
    observer, now = queue(), local.scheduler.clock.datetime()
    dates = {"StartDate": now + timedelta(hours=1), "EndDate": now + timedelta(hours=4)}
    plan("rate(1 hour)", observer.arn, name="dated", Input="dated", settings=dates)
    plan("rate(1 hour)", observer.arn, name="off", Input="off", settings={"State": "DISABLED"})
    pass_time(10 * HOUR)
    assert observer.bodies() == ["dated"] * 4


@pytest.mark.parametrize(
    "expression", ["at(noon)", "at(2026-13-01T00:00:00)", "rate(1 fortnight)", "cron(0 0 * * * *)"]
)
def test_an_expression_that_cannot_be_read_is_refused(plan, queue, expression):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"""
    with pytest.raises(ClientError, match="Invalid Schedule Expression"):
        plan(expression, queue().arn)


def test_any_other_call_of_aws_as_a_target_is_refused(plan, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html

    Refused: universal targets other than startMessageMoveTask; queues, functions, topics, streams, buses and state
    machines are reached.
    """
    with pytest.raises(ClientError, match="aws-sdk:sqs:purgeQueue"):
        plan(at(60), "arn:aws:scheduler:::aws-sdk:sqs:purgeQueue")


@pytest.fixture
def parted(local, queue):
    """A queue and its dead-letter queue, which holds a letter."""
    dead, waiting = queue("dead"), queue("waiting")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    local.client("sqs").set_queue_attributes(QueueUrl=waiting.url, Attributes={"RedrivePolicy": redrive})
    local.client("sqs").send_message(QueueUrl=dead.url, MessageBody="letter")
    return waiting, dead


def test_a_schedule_redrives_a_dead_letter_queue_if_its_role_may(local, parted, plan, at, queue, pass_time, role):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html"""
    (waiting, dead), told = parted, queue("told")
    move = {"Input": json.dumps({"SourceArn": dead.arn, "DestinationArn": waiting.arn})}
    call = "arn:aws:scheduler:::aws-sdk:sqs:startMessageMoveTask"
    plan(at(60), call, name="may-not", DeadLetterConfig={"Arn": told.arn}, **move)
    pass_time(HOUR)
    assert "sqs:StartMessageMoveTask" in attributes(told.messages()[0])["ERROR_MESSAGE"]
    allow = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    local.client("iam").put_role_policy(RoleName="schedules", PolicyName="more", PolicyDocument=document)
    plan(at(60), call, name="may", **move)
    pass_time(HOUR)
    assert (waiting.bodies(), dead.bodies()) == (["letter"], [])
