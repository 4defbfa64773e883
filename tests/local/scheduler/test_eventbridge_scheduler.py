"""Schedules of EventBridge Scheduler."""

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
    """Create a role with the permissions that the targets need; return its ARN."""
    iam = local.client("iam")
    allow = {"Effect": "Allow", "Action": ["sqs:SendMessage", "events:PutEvents", "lambda:*"], "Resource": "*"}
    role = iam.create_role(RoleName="schedules", AssumeRolePolicyDocument="{}")["Role"]
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="schedules", PolicyName="allow", PolicyDocument=document)
    return role["Arn"]


@pytest.fixture
def create(local, role):
    """Create a schedule for a target; return its ARN."""

    def create(expression, arn, window=EXACT, name="schedule", settings=None, **target):
        return local.client("scheduler").create_schedule(
            Name=name,
            ScheduleExpression=expression,
            FlexibleTimeWindow=window,
            Target={"Arn": arn, "RoleArn": role, **target},
            **(settings or {}),
        )["ScheduleArn"]

    return create


@pytest.fixture
def at(local):
    """Return the one-time expression for a number of seconds from now."""

    def at(seconds):
        return f"at({(local.scheduler.clock.datetime() + timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S')})"

    return at


def test_rate_runs_first_at_creation(create, queue, pass_time):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#rate-based"""
    observer = queue()
    create("rate(2 hours)", observer.arn, Input="tick")
    pass_time(5 * HOUR)
    assert observer.bodies() == ["tick", "tick", "tick"]


def test_one_time_schedule_can_be_deleted_after_its_run(local, create, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html"""
    observer = queue()
    create(at(HOUR), observer.arn, Input="now", settings={"ActionAfterCompletion": "DELETE"})
    pass_time(3 * HOUR)
    assert observer.bodies() == ["now"]
    assert local.client("scheduler").list_schedules()["Schedules"] == []


def test_settle_does_not_wait_for_schedules(local, create, queue, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule.html
    Differs: settling does not wait for schedules or advance the clock to them.
    """
    observer = queue()
    create(at(HOUR), observer.arn, Input="later")
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
def test_cron_expression_follows_daylight_saving_time(expression, zone, after, expected):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time"""

    def runs(moment):
        while moment := schedule(expression, ZoneInfo(zone)).after(moment, 0):
            yield datetime.fromtimestamp(moment, ZoneInfo(zone)).strftime("%m-%d %H:%M")

    assert list(islice(runs(datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone)).timestamp()), 2)) == expected


def test_flexible_time_window_delays_a_run(local, create, queue, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-flexible-time-windows.html"""
    observer = queue()
    began = local.scheduler.clock.now()
    create(at(10), observer.arn, {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 30})
    due = next(item.due for item in local.scheduler._items if item.what == "schedule schedule" and not item.done)
    assert 9 < due - began <= 11 + 30 * 60


def test_schedule_without_input_sends_notification(create, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets.html"""
    observer = queue()
    arn = create(at(60), observer.arn)
    pass_time(HOUR)
    (event,) = observer.events()
    assert (event["detail-type"], event["source"], event["resources"]) == ("Scheduled Event", "aws.scheduler", [arn])


def test_input_can_use_context_attributes(create, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
    observer = queue()
    arn = create(
        at(60), observer.arn, Input='{"of": "<aws.scheduler.schedule-arn>", "n": <aws.scheduler.attempt-number>}'
    )
    pass_time(HOUR)
    assert observer.events() == [{"of": arn, "n": 1}]


def test_schedule_puts_event_on_a_bus(local, events, create, queue, rule, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html"""
    observer = queue()
    rule(observer.arn, pattern={"source": ["shop.clock"]})
    bus = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    event = {"Source": "shop.clock", "DetailType": "DayEnded"}
    create(at(60), bus, Input='{"day": 1}', EventBridgeParameters=event)
    pass_time(HOUR)
    (event,) = observer.events()
    assert (event["detail-type"], event["detail"]) == ("DayEnded", {"day": 1})


def test_schedule_invokes_function(local, create, function, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html"""
    local.client("sqs").create_queue(QueueName="observer")
    source = "import boto3, json\ndef handler(event, context):\n    raise ValueError(event['day'])\n"
    create(at(60), function(source, "clock"), Input='{"day": 7}')
    pass_time(HOUR)
    lines = local.client("logs").filter_log_events(logGroupName="/aws/lambda/clock")["events"]
    assert any("ValueError" in line["message"] and "7" in line["message"] for line in lines)


def test_failed_delivery_goes_to_the_dead_letter_queue(create, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html"""
    dead, deleted = queue("dead"), "arn:aws:sqs:us-east-1:123456789012:deleted"
    arn = create(at(60), deleted, Input="lost", DeadLetterConfig={"Arn": dead.arn})
    pass_time(HOUR)
    (message,) = dead.messages()
    details = attributes(message)
    assert (message["Body"], details["SCHEDULE_ARN"], details["TARGET_ARN"]) == ("lost", arn, deleted)


def test_schedule_without_permission_of_its_role_is_denied(local, create, queue, pass_time, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role"""
    observer, dead = queue(), queue("dead")
    local.client("iam").delete_role_policy(RoleName="schedules", PolicyName="allow")
    create(at(60), observer.arn, Input="no", DeadLetterConfig={"Arn": dead.arn})
    pass_time(HOUR)
    (message,) = dead.messages()
    assert (observer.bodies(), attributes(message)["ERROR_CODE"]) == ([], "AccessDeniedException")


def test_schedule_runs_between_its_dates_while_enabled(local, create, queue, pass_time):
    """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html"""
    observer, now = queue(), local.scheduler.clock.datetime()
    dates = {"StartDate": now + timedelta(hours=1), "EndDate": now + timedelta(hours=4)}
    create("rate(1 hour)", observer.arn, name="dated", Input="dated", settings=dates)
    create("rate(1 hour)", observer.arn, name="off", Input="off", settings={"State": "DISABLED"})
    pass_time(10 * HOUR)
    assert observer.bodies() == ["dated"] * 4


@pytest.mark.parametrize(
    "expression", ["at(noon)", "at(2026-13-01T00:00:00)", "rate(1 fortnight)", "cron(0 0 * * * *)"]
)
def test_invalid_schedule_expression_is_rejected(create, queue, expression):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html"""
    with pytest.raises(ClientError) as raised:
        create(expression, queue().arn)
    assert raised.value.response["Error"]["Message"] == f"Invalid Schedule Expression {expression}."


def test_schedule_needs_an_existing_group(create, queue, at):
    """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html#API_CreateSchedule_Errors"""
    with pytest.raises(ClientError, match=r"ResourceNotFoundException.*Schedule group none does not exist\."):
        create(at(60), queue().arn, settings={"GroupName": "none"})


def test_schedule_remains_after_completion_by_default(local, create, queue, at):
    """https://docs.aws.amazon.com/scheduler/latest/APIReference/API_GetSchedule.html"""
    create(at(HOUR), queue().arn)
    assert local.client("scheduler").get_schedule(Name="schedule")["ActionAfterCompletion"] == "NONE"


def test_unsupported_universal_target_is_rejected(create, at):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html

    Refused: universal targets except startMessageMoveTask. Supported are queues, functions, topics, streams, buses and
    state machines.
    """
    with pytest.raises(ClientError, match="aws-sdk:sqs:purgeQueue"):
        create(at(60), "arn:aws:scheduler:::aws-sdk:sqs:purgeQueue")


@pytest.fixture
def queues(local, queue):
    """Create a queue and its dead-letter queue with one message."""
    dead, waiting = queue("dead"), queue("waiting")
    redrive = json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 1})
    local.client("sqs").set_queue_attributes(QueueUrl=waiting.url, Attributes={"RedrivePolicy": redrive})
    local.client("sqs").send_message(QueueUrl=dead.url, MessageBody="message")
    return waiting, dead


def test_schedule_redrives_a_dead_letter_queue_if_its_role_allows(local, queues, create, at, queue, pass_time, role):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html"""
    (waiting, dead), failures = queues, queue("failures")
    move = {"Input": json.dumps({"SourceArn": dead.arn, "DestinationArn": waiting.arn})}
    target = "arn:aws:scheduler:::aws-sdk:sqs:startMessageMoveTask"
    create(at(60), target, name="denied", DeadLetterConfig={"Arn": failures.arn}, **move)
    pass_time(HOUR)
    assert "sqs:StartMessageMoveTask" in attributes(failures.messages()[0])["ERROR_MESSAGE"]
    allow = {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    local.client("iam").put_role_policy(RoleName="schedules", PolicyName="more", PolicyDocument=document)
    create(at(60), target, name="allowed", **move)
    pass_time(HOUR)
    assert (waiting.bodies(), dead.bodies()) == (["message"], [])
