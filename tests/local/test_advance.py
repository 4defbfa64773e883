"""`LocalCloud.advance`: a daily schedule within a moment of real time."""

import json

import pytest


@pytest.fixture
def daily(empty_cloud):
    """A queue that a schedule sends to once a day. Returns a function that receives from it."""
    sqs, events = empty_cloud.client("sqs"), empty_cloud.client("events")
    url = sqs.create_queue(QueueName="daily")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allowed = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [allowed]})})
    events.put_rule(Name="daily", ScheduleExpression="rate(1 day)")
    events.put_targets(Rule="daily", Targets=[{"Id": "1", "Arn": arn}])
    yield lambda: len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []))
    empty_cloud.reset()


def test_settle_skips_no_day_and_advance_runs_a_daily_schedule(empty_cloud, daily):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    empty_cloud.settle()
    assert daily() == 0
    empty_cloud.advance(hours=49)
    assert daily() == 2
