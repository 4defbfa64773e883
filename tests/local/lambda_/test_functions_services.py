"""Events of SNS and S3 for functions and queues, and of S3 for the default event bus."""

import json

import pytest
from lambda_kit import LAMBDA, message_bodies

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def topic(site):
    return site.client("sns").create_topic(Name="topic")["TopicArn"]


@pytest.fixture
def subscribe(site, topic):
    def subscribe(protocol, endpoint, **attributes):
        return site.client("sns").subscribe(
            TopicArn=topic, Protocol=protocol, Endpoint=endpoint, Attributes=attributes, ReturnSubscriptionArn=True
        )["SubscriptionArn"]

    return subscribe


@pytest.fixture
def publish(site, topic):
    def publish(message="hello", **more):
        answer = site.client("sns").publish(TopicArn=topic, Message=message, **more)
        site.settle()
        return answer["MessageId"]

    return publish


@pytest.fixture
def s3(site):
    client = site.client("s3")
    client.create_bucket(Bucket="bucket")
    return client


def kind(value):
    return {"kind": {"DataType": "String", "StringValue": value}}


# -- topics ----------------------------------------------------------------------------------------------------------


def test_topic_invokes_a_function_with_its_message(site, topic, subscribe, publish):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html

    Differs: the signature is empty.
    """
    subscription = subscribe("lambda", site.function())
    message_id = publish(Subject="about", MessageAttributes=kind("a"))
    (record,) = site.seen()[0]["Records"]
    assert (record["EventSource"], record["EventSubscriptionArn"]) == ("aws:sns", subscription)
    message = record["Sns"]
    assert (message["MessageId"], message["TopicArn"], message["Message"]) == (message_id, topic, "hello")
    assert (message["Subject"], message["MessageAttributes"]) == ("about", {"kind": {"Type": "String", "Value": "a"}})


def test_failing_subscriber_is_retried_without_affecting_others(site, subscribe, publish):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-lambda-as-subscriber.html"""
    subscribe("lambda", site.function("f", "raise RuntimeError('no')"))
    subscribe("lambda", site.function("g"))
    publish()
    assert (len(site.seen("f")), len(site.seen("g"))) == (3, 1)


def test_filter_policy_applies_to_functions_and_queues(site, subscribe, publish):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html"""
    queue, policy = site.queue(), json.dumps({"kind": ["a"]})
    subscribe("lambda", site.function(), FilterPolicy=policy)
    subscribe("sqs", queue.arn, FilterPolicy=policy)
    publish("1", MessageAttributes=kind("a"))
    publish("2", MessageAttributes=kind("b"))
    assert [event["Records"][0]["Sns"]["Message"] for event in site.seen()] == ["1"]
    assert [body["Message"] for body in message_bodies(queue)] == ["1"]


@pytest.mark.parametrize(("raw", "bare"), [("true", True), ("false", False)])
def test_raw_delivery_sends_only_the_message_to_a_queue(site, subscribe, publish, raw, bare):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html"""
    queue = site.queue()
    subscribe("sqs", queue.arn, RawMessageDelivery=raw)
    publish(MessageAttributes=kind("a"))
    (message,) = queue.receive()
    assert (message["Body"] == "hello") is bare
    assert ("MessageAttributes" in message) is bare


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [
        ("sqs", "arn:aws:sqs:us-east-1:123456789012:none"),
        ("lambda", f"{LAMBDA}none"),
    ],
)
def test_undeliverable_message_goes_to_the_dead_letter_queue(site, subscribe, publish, protocol, endpoint):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    dead = site.queue("dead")
    subscribe(protocol, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    publish()
    assert [message["Body"] for message in dead.receive()] == ["hello"]


# -- buckets ---------------------------------------------------------------------------------------------------------


def notify(s3, **configuration):
    s3.put_bucket_notification_configuration(Bucket="bucket", NotificationConfiguration=configuration)


def test_bucket_invokes_a_function_with_its_notification(site, s3):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html"""
    filters = {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".txt"}]}}
    created = {"Id": "texts", "LambdaFunctionArn": site.function(), "Events": ["s3:ObjectCreated:*"], "Filter": filters}
    notify(s3, LambdaFunctionConfigurations=[created])
    s3.put_object(Bucket="bucket", Key="another/key", Body=b"")
    s3.put_object(Bucket="bucket", Key="a folder/ä.txt", Body=b"hello")
    site.settle()
    (event,) = site.seen()
    (record,) = event["Records"]
    assert (record["eventName"], record["s3"]["configurationId"]) == ("ObjectCreated:Put", "texts")
    assert record["s3"]["object"]["key"] == "a+folder/%C3%A4.txt"
    assert record["s3"]["object"]["size"] == 5


def test_bucket_sends_notifications_to_a_queue(site, s3):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html"""
    queue = site.queue()
    notify(s3, QueueConfigurations=[{"QueueArn": queue.arn, "Events": ["s3:ObjectRemoved:*"]}])
    s3.put_object(Bucket="bucket", Key="k", Body=b"")
    s3.delete_object(Bucket="bucket", Key="k")
    site.settle()
    records = [body["Records"][0]["eventName"] for body in message_bodies(queue) if "Records" in body]
    assert records == ["ObjectRemoved:Delete"]


@pytest.fixture
def observed(site, s3):
    """Queues of the bucket events on the default bus and on another bus."""
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


def test_bucket_publishes_events_only_to_the_default_bus(site, s3, observed):
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


def test_object_deleted_event_has_the_deletion_type(site, s3, observed):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    s3.put_object(Bucket="bucket", Key="k", Body=b"")
    s3.delete_object(Bucket="bucket", Key="k")
    site.settle()
    event = message_bodies(observed["default"])[-1]
    assert (event["detail-type"], event["detail"]["reason"]) == ("Object Deleted", "DeleteObject")
    assert event["detail"]["deletion-type"] == "Permanently Deleted"


def test_only_tagging_an_object_publishes_a_tags_event(site, s3, observed):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html"""
    s3.put_object(Bucket="bucket", Key="k", Body=b"", Tagging="a=b")
    s3.put_object_tagging(Bucket="bucket", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "c"}]})
    site.settle()
    assert [event["detail-type"] for event in message_bodies(observed["default"])] == [
        "Object Created",
        "Object Tags Added",
    ]


# -- unsupported -----------------------------------------------------------------------------------------------------


def test_subscription_filter_of_a_log_group_is_rejected(site):
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html

    Refused: the local cloud does not deliver log events to functions or streams.
    """
    logs = site.client("logs")
    logs.create_log_group(logGroupName="g")
    with pytest.raises(logs.exceptions.InvalidParameterException, match="subscription filter"):
        logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="", destinationArn=site.function())
