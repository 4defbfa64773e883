"""A schedule that publishes an event."""

import json

import pytest
from aws_cdk import Duration

from functions.contracts.loyalty import GiftIssued
from millrace.constructs import Schedule, ScheduleDefinitionError

GIFT = {"customer_id": "c-1", "gift": "a tea towel"}


@pytest.fixture
def scheduled(stack, bus, synthesised):
    """Create a schedule; return the template and the schedule's properties."""

    def create(**options):
        Schedule(stack, "Nightly", bus=bus, event=GiftIssued, data=GIFT, **options)
        template = synthesised()
        (properties,) = template.of("Scheduler::Schedule").values()
        return template, properties

    return create


def test_schedule_puts_its_event_onto_the_bus(scheduled):
    _, properties = scheduled(cron="0 3 * * ? *", time_zone="Europe/Berlin")
    assert properties["ScheduleExpression"] == "cron(0 3 * * ? *)"
    assert properties["ScheduleExpressionTimezone"] == "Europe/Berlin"
    assert properties["Target"]["EventBridgeParameters"] == {"DetailType": "GiftIssued", "Source": "shop.loyalty"}


def test_id_of_a_scheduled_event_is_the_same_at_each_attempt(scheduled):
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
    _, properties = scheduled(rate=Duration.hours(2))
    detail = json.loads(properties["Target"]["Input"])
    assert properties["ScheduleExpression"] == "rate(2 hours)"
    assert detail["metadata"]["event_id"].endswith(".Nightly.<aws.scheduler.scheduled-time>")
    assert detail["data"] == GIFT


def test_role_of_a_schedule_may_publish_its_event_only(scheduled):
    template, properties = scheduled(cron="0 3 * * ? *")
    role = properties["Target"]["RoleArn"]["Fn::GetAtt"][0]
    (policy,) = [p for p in template.of("IAM::Policy").values() if p["Roles"] == [{"Ref": role}]]
    statements = {each["Action"]: each for each in policy["PolicyDocument"]["Statement"]}
    assert statements.keys() == {"sqs:SendMessage", "events:PutEvents"}
    assert "GiftIssued" in str(statements["events:PutEvents"]["Condition"])


@pytest.mark.parametrize("options", [{}, {"cron": "0 3 * * ? *", "rate": Duration.hours(1)}])
def test_schedule_needs_either_cron_or_rate(stack, bus, options):
    with pytest.raises(ScheduleDefinitionError, match="cron and rate: pass one of them"):
        Schedule(stack, "Nightly", bus=bus, event=GiftIssued, data=GIFT, **options)


def test_data_that_does_not_fit_the_event_is_an_error(stack, bus):
    with pytest.raises(ScheduleDefinitionError, match=r"Nightly: data=\{\} does not fit GiftIssued"):
        Schedule(stack, "Nightly", bus=bus, event=GiftIssued, cron="0 3 * * ? *")
