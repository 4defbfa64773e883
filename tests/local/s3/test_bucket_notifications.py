"""Event notifications of buckets."""

import json

import pytest
from lambda_kit import message_bodies

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def s3(site):
    client = site.client("s3")
    client.create_bucket(Bucket="bucket")
    return client


def notify(s3, **configuration):
    s3.put_bucket_notification_configuration(Bucket="bucket", NotificationConfiguration=configuration)


def test_bucket_invokes_a_function_for_matching_keys(site, s3):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html"""
    filters = {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".txt"}]}}
    created = {"Id": "texts", "LambdaFunctionArn": site.function(), "Events": ["s3:ObjectCreated:*"], "Filter": filters}
    notify(s3, LambdaFunctionConfigurations=[created])
    s3.put_object(Bucket="bucket", Key="a folder/ä.png", Body=b"")
    s3.put_object(Bucket="bucket", Key="a folder/ä.txt", Body=b"hello")
    site.settle()
    (event,) = site.seen()
    (record,) = event["Records"]
    assert (record["eventName"], record["s3"]["configurationId"]) == ("ObjectCreated:Put", "texts")
    assert record["s3"]["object"]["key"] == "a+folder/%C3%A4.txt"
    assert record["s3"]["object"]["size"] == 5


def test_bucket_sends_notification_to_a_queue(site, s3):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html"""
    queue = site.queue()
    notify(s3, QueueConfigurations=[{"QueueArn": queue.arn, "Events": ["s3:ObjectRemoved:*"]}])
    s3.put_object(Bucket="bucket", Key="k", Body=b"")
    s3.delete_object(Bucket="bucket", Key="k")
    site.settle()
    records = [message["Records"][0]["eventName"] for message in message_bodies(queue) if "Records" in message]
    assert records == ["ObjectRemoved:Delete"]


@pytest.fixture
def observed(site, s3):
    """Create a queue for the bucket's events on the default bus, and one for those on another bus."""
    events = site.client("events")
    events.create_event_bus(Name="other")
    notify(s3, EventBridgeConfiguration={})
    policy = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}
    queues = {}
    for bus in ("default", "other"):
        queues[bus] = site.queue(f"of-{bus}", Policy=json.dumps(policy))
        events.put_rule(Name="all", EventBusName=bus, EventPattern='{"source": ["aws.s3"]}')
        events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "1", "Arn": queues[bus].arn}])
    return queues


def test_bucket_sends_events_to_the_default_bus_only(site, s3, observed):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html"""
    s3.put_object(Bucket="bucket", Key="a/b c", Body=b"hello")
    site.settle()
    (event,) = message_bodies(observed["default"])
    assert (event["detail-type"], event["source"]) == ("Object Created", "aws.s3")
    assert event["resources"] == ["arn:aws:s3:::bucket"]
    detail = event["detail"]
    assert (detail["object"]["key"], detail["object"]["size"]) == ("a/b c", 5)
    assert (detail["reason"], detail["bucket"]) == ("PutObject", {"name": "bucket"})
    assert message_bodies(observed["other"]) == []


def test_deletion_event_has_its_type(site, s3, observed):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    s3.put_object(Bucket="bucket", Key="k", Body=b"")
    s3.delete_object(Bucket="bucket", Key="k")
    site.settle()
    event = message_bodies(observed["default"])[-1]
    assert (event["detail-type"], event["detail"]["reason"]) == ("Object Deleted", "DeleteObject")
    assert event["detail"]["deletion-type"] == "Permanently Deleted"


def test_only_put_object_tagging_sends_a_tagging_event(site, s3, observed):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html"""
    s3.put_object(Bucket="bucket", Key="k", Body=b"", Tagging="a=b")
    s3.put_object_tagging(Bucket="bucket", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "c"}]})
    site.settle()
    assert [event["detail-type"] for event in message_bodies(observed["default"])] == [
        "Object Created",
        "Object Tags Added",
    ]


@pytest.mark.parametrize("expected", [{"EventBridgeConfiguration": {}}, {}])
def test_notification_configuration_contains_event_bridge_if_it_is_on(s3, expected):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html"""
    notify(s3, **expected)
    found = s3.get_bucket_notification_configuration(Bucket="bucket")
    assert {name: each for name, each in found.items() if name == "EventBridgeConfiguration"} == expected
