"""Subscription filters of log groups."""

import base64
import gzip
import json

import pytest

from millrace.local.services.logs.subscriptions import matches

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def subscribed(site):
    """A log group with a filter whose destination is a function; gives a function that writes messages."""
    logs, function = site.client("logs"), site.function()
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    permission = {"StatementId": "logs", "Action": "lambda:InvokeFunction", "Principal": "logs.amazonaws.com"}
    site.client("lambda").add_permission(FunctionName="f", **permission)
    logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="ERROR", destinationArn=function)

    def write(*messages):
        now = int(site.cloud.scheduler.clock.now() * 1000)
        events = [{"timestamp": now, "message": message} for message in messages]
        logs.put_log_events(logGroupName="g", logStreamName="s", logEvents=events)
        site.settle()

    return write


def test_function_receives_the_matching_log_events(site, subscribed):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"""
    subscribed("ERROR one", "fine", "an ERROR")
    (event,) = site.seen()
    data = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    assert [each["message"] for each in data["logEvents"]] == ["ERROR one", "an ERROR"]
    assert (data["messageType"], data["logGroup"], data["subscriptionFilters"]) == ("DATA_MESSAGE", "g", ["f"])


def test_log_events_without_a_match_are_not_sent(site, subscribed):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html"""
    subscribed("fine")
    assert site.seen() == []


@pytest.mark.parametrize(
    ("pattern", "destination"),
    [
        ("", "arn:aws:lambda:us-east-1:123456789012:function:f"),
        ("", "arn:aws:firehose:us-east-1:123456789012:deliverystream/d"),
        ("{ $.level = 1 }", "arn:aws:kinesis:us-east-1:123456789012:stream/s"),
    ],
)
def test_subscription_filter_that_cannot_deliver_is_rejected(site, pattern, destination):
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html

    Refused: destinations other than functions, streams and delivery streams, and patterns for JSON.
    """
    site.function()
    logs = site.client("logs")
    logs.create_log_group(logGroupName="g")
    with pytest.raises(logs.exceptions.InvalidParameterException):
        logs.put_subscription_filter(
            logGroupName="g", filterName="f", filterPattern=pattern, destinationArn=destination
        )


def test_stream_receives_log_events_while_the_role_of_the_filter_allows_it(site):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html#DestinationKinesisExample"""
    logs, iam, kinesis = (site.client(name) for name in ("logs", "iam", "kinesis"))
    logs.create_log_group(logGroupName="g")
    logs.create_log_stream(logGroupName="g", logStreamName="s")
    kinesis.create_stream(StreamName="s", ShardCount=1)
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    role = iam.create_role(RoleName="logs", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    given = {"logGroupName": "g", "filterName": "f", "filterPattern": "", "destinationArn": arn, "roleArn": role}
    with pytest.raises(logs.exceptions.InvalidParameterException, match="not authorized to perform: kinesis:PutRecord"):
        logs.put_subscription_filter(**given)
    allow = json.dumps({"Statement": [{"Effect": "Allow", "Action": "kinesis:PutRecord", "Resource": arn}]})
    iam.put_role_policy(RoleName="logs", PolicyName="own", PolicyDocument=allow)
    logs.put_subscription_filter(**given)
    now = int(site.cloud.scheduler.clock.now() * 1000)
    write = {"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": now, "message": "hi"}]}
    logs.put_log_events(**write)
    site.settle()
    iam.delete_role_policy(RoleName="logs", PolicyName="own")
    logs.put_log_events(**write)
    site.settle()
    shard = kinesis.get_shard_iterator(StreamName="s", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")
    assert len(kinesis.get_records(ShardIterator=shard["ShardIterator"])["Records"]) == 1


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("", "abc"), ("x", "bc"), ("x y", "c"), ("?y ?z", "c"), ("x -y", "b"), ('"x y"', "c")],
)
def test_filter_pattern_matches_terms(pattern, expected):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html"""
    messages = {"a": "w", "b": "x", "c": "x y"}
    assert "".join(name for name, text in messages.items() if matches(pattern, text)) == expected
