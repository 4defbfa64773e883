"""Rules that run on a schedule."""

import json
from datetime import UTC, datetime
from itertools import islice

import pytest
from botocore.exceptions import ClientError

from millrace.local.core.schedule_expressions import BadSchedule, schedule

pytest_plugins = ["bus_fixtures"]


def runs(expression, after, count=3):
    """Return the first runs of an expression after a time."""

    def each():
        moment = began = datetime.fromisoformat(after).replace(tzinfo=UTC).timestamp()
        while (moment := schedule(expression).after(moment, began)) is not None:
            yield datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")

    return list(islice(each(), count))


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("cron(0 10 * * ? *)", "2024-02-28 09:59:30", ["2024-02-28 10:00", "2024-02-29 10:00", "2024-03-01 10:00"]),
        ("cron(5,35 14 * * ? *)", "2024-01-01 14:05:00", ["2024-01-01 14:35", "2024-01-02 14:05", "2024-01-02 14:35"]),
        ("cron(0/15 * * * ? *)", "2024-01-01 23:31:00", ["2024-01-01 23:45", "2024-01-02 00:00", "2024-01-02 00:15"]),
        (
            "cron(*/20 8-9 ? * MON-FRI *)",
            "2024-01-05 09:30",
            ["2024-01-05 09:40", "2024-01-08 08:00", "2024-01-08 08:20"],
        ),
        ("cron(0 18 ? * mon-fri *)", "2024-01-05 18:00", ["2024-01-08 18:00", "2024-01-09 18:00", "2024-01-10 18:00"]),
        ("cron(0 8 1 JAN,JUL ? *)", "2024-01-01 08:00", ["2024-07-01 08:00", "2025-01-01 08:00", "2025-07-01 08:00"]),
        ("cron(0 0 L * ? *)", "2024-02-01 00:00", ["2024-02-29 00:00", "2024-03-31 00:00", "2024-04-30 00:00"]),
        ("cron(0 0 LW * ? *)", "2024-03-01 00:00", ["2024-03-29 00:00", "2024-04-30 00:00", "2024-05-31 00:00"]),
        ("cron(0 0 1W * ? *)", "2024-05-31 00:00", ["2024-06-03 00:00", "2024-07-01 00:00", "2024-08-01 00:00"]),
        ("cron(0 0 15W * ? *)", "2024-06-01 00:00", ["2024-06-14 00:00", "2024-07-15 00:00", "2024-08-15 00:00"]),
        ("cron(15 10 ? * 6L *)", "2024-01-01 00:00", ["2024-01-26 10:15", "2024-02-23 10:15", "2024-03-29 10:15"]),
        ("cron(0 2 ? * SAT#3 *)", "2024-01-01 00:00", ["2024-01-20 02:00", "2024-02-17 02:00", "2024-03-16 02:00"]),
        ("cron(0 2 ? * 3#5 *)", "2024-01-01 00:00", ["2024-01-30 02:00", "2024-04-30 02:00", "2024-07-30 02:00"]),
        ("cron(0 0 ? * L *)", "2024-01-01 00:00", ["2024-01-06 00:00", "2024-01-13 00:00", "2024-01-20 00:00"]),
        ("cron(0 20-2 * * ? *)", "2024-01-01 22:30", ["2024-01-01 23:00", "2024-01-02 00:00", "2024-01-02 01:00"]),
        ("cron(0 0 29 2 ? *)", "2024-03-01 00:00", ["2028-02-29 00:00", "2032-02-29 00:00", "2036-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2025-2026)", "2024-01-01 00:00", ["2025-01-01 00:00", "2026-01-01 00:00"]),
        ("cron(15 10 ? * 6L 2002-2005)", "2024-01-01 00:00", []),
        ("rate(1 minute)", "2024-01-01 00:00:30", ["2024-01-01 00:01", "2024-01-01 00:02", "2024-01-01 00:03"]),
        ("rate(5 hours)", "2024-01-01 00:00:00", ["2024-01-01 05:00", "2024-01-01 10:00", "2024-01-01 15:00"]),
        ("rate(1 day)", "2024-02-28 00:00:00", ["2024-02-29 00:00", "2024-03-01 00:00", "2024-03-02 00:00"]),
    ],
)
def test_expression_runs_at_expected_times_in_utc(expression, after, expected):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    assert runs(expression, after) == expected


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "rate(10 seconds)",
            "rate(10 years)",
            "rate(1 minutes)",
            "rate(10 minute)",
            "rate()",
            "rate(10)",
            " rate(1 day)",
        ),
        *("rate(10 minutess)", "rate(foo minutes)", "rate(0 minutes)", "rate(-10 minutes)", "rate(10 MINUTES)"),
        *("cron(0 1 * * * *)", "cron(0 1 ? * ? *)", "cron(7 20 * * NOT *)", "cron(INVALID)", "cron(0 1 * * ?)"),
        *(
            "cron(0 dummy ? * MON-FRI *)",
            "cron(71 8 1 * ? *)",
            "cron(0 0 ? * 3#1,6#3 *)",
            "cron(0 0 32 * ? *)",
            "at(noon)",
        ),
    ],
)
def test_put_rule_rejects_invalid_schedule_expression(events, expression):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    with pytest.raises(BadSchedule):
        schedule(expression)
    with pytest.raises(ClientError) as refused:
        events.put_rule(Name="r", ScheduleExpression=expression)
    assert refused.value.response["Error"] == {
        "Code": "ValidationException",
        "Message": "Parameter ScheduleExpression is not valid.",
    }


def test_put_rule_rejects_schedule_on_custom_bus(events):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html"""
    events.create_event_bus(Name="shop")
    with pytest.raises(ClientError, match="ScheduleExpression is supported only on the default event bus"):
        events.put_rule(Name="r", EventBusName="shop", ScheduleExpression="rate(1 minute)")


@pytest.fixture
def scheduled(events, queue):
    """Create a rule that runs every minute, and return its target queue."""
    observer = queue()
    events.put_rule(Name="tick", ScheduleExpression="rate(1 minute)")
    events.put_targets(Rule="tick", Targets=[{"Id": "1", "Arn": observer.arn}])
    return observer


def test_scheduled_event_has_eventbridge_envelope(local, scheduled, pass_time):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html"""
    pass_time(61)
    (event,) = scheduled.events()
    assert len(event.pop("id")) == 36
    due = datetime.fromisoformat(event.pop("time")).timestamp()
    assert 0 <= local.scheduler.clock.now() - due < 30
    assert event == {
        "version": "0",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "123456789012",
        "region": "us-east-1",
        "resources": ["arn:aws:events:us-east-1:123456789012:rule/tick"],
        "detail": {},
    }


def test_rate_runs_first_after_one_interval(scheduled, pass_time):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    pass_time(30)
    assert scheduled.messages() == []
    pass_time(150)
    assert len(scheduled.messages()) == 3


def test_cron_rule_runs(events, scheduled, pass_time):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    events.put_rule(Name="tick", ScheduleExpression="cron(0 0 * * ? *)")
    pass_time(2 * 24 * 3600)
    times = [event["time"] for event in scheduled.events()]
    assert len(times) == 2
    assert all(time.endswith("T00:00:00Z") for time in times)


def test_scheduled_rule_uses_target_input(events, scheduled, pass_time):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html"""
    (target,) = events.list_targets_by_rule(Rule="tick")["Targets"]
    events.put_targets(Rule="tick", Targets=[{**target, "Input": json.dumps({"what": "tick"})}])
    pass_time(61)
    assert scheduled.events() == [{"what": "tick"}]


def test_disabled_scheduled_rule_does_not_run_until_enabled(events, scheduled, pass_time):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DisableRule.html"""
    events.disable_rule(Name="tick")
    pass_time(300)
    assert scheduled.messages() == []
    events.enable_rule(Name="tick")
    pass_time(61)
    assert len(scheduled.messages()) == 1


def test_deleted_scheduled_rule_does_not_run(events, scheduled, pass_time):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html"""
    events.remove_targets(Rule="tick", Ids=["1"])
    events.delete_rule(Name="tick")
    pass_time(300)
    assert scheduled.messages() == []


def test_rule_without_pattern_receives_no_events(send, scheduled):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""
    send({})
    assert scheduled.messages() == []


def test_rule_can_have_schedule_and_pattern(events, send, scheduled, pass_time):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""
    pattern = json.dumps({"source": ["shop.orders"]})
    events.put_rule(Name="tick", ScheduleExpression="rate(1 minute)", EventPattern=pattern)
    send({})
    pass_time(61)
    assert [event["source"] for event in scheduled.events()] == ["shop.orders", "aws.events"]


def test_settle_does_not_wait_for_scheduled_rules(local, scheduled):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html"""
    before = local.scheduler.clock.leapt
    local.settle()
    assert local.scheduler.clock.leapt == before
    assert scheduled.messages() == []
