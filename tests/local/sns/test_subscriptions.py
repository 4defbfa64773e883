"""Delivery from a topic to its subscriptions."""

import hashlib
import json
from contextlib import closing

import pytest
from bus_kit import Site
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


def kind(value):
    return {"kind": {"DataType": "String", "StringValue": value}}


def test_topic_invokes_a_function(site, topic, subscribe, publish):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html

    Differs: the signature is empty.
    """
    subscription = subscribe("lambda", site.function())
    message_id = publish(Subject="about", MessageAttributes=kind("a"))
    (record,) = site.seen()[0]["Records"]
    assert (record["EventSource"], record["EventSubscriptionArn"]) == ("aws:sns", subscription)
    notification = record["Sns"]
    assert (notification["MessageId"], notification["TopicArn"], notification["Message"]) == (
        message_id,
        topic,
        "hello",
    )
    assert (notification["Subject"], notification["MessageAttributes"]) == (
        "about",
        {"kind": {"Type": "String", "Value": "a"}},
    )


def test_failing_function_is_retried_without_affecting_others(site, subscribe, publish):
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
    assert [message["Message"] for message in message_bodies(queue)] == ["1"]


@pytest.mark.parametrize(("raw", "unwrapped"), [("true", True), ("false", False)])
def test_raw_delivery_sends_the_unwrapped_message(site, subscribe, publish, raw, unwrapped):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html"""
    queue = site.queue()
    subscribe("sqs", queue.arn, RawMessageDelivery=raw)
    publish(MessageAttributes=kind("a"))
    (message,) = queue.receive()
    assert (message["Body"] == "hello") is unwrapped
    assert ("MessageAttributes" in message) is unwrapped


def test_http_endpoint_receives_the_notification_after_retries(subscribe, publish):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html
    Differs: the endpoint gets no request to confirm the subscription, and is on this machine.
    """
    with closing(Site({"/": [(503, {}), (503, {}), (200, {})]}, lambda: 0)) as server:
        subscribe("http", f"{server.url}/")
        publish()
        bodies = [json.loads(request.body)["Message"] for request in server.requests]
    assert (bodies, server.requests[0].headers["x-amz-sns-message-type"]) == (["hello"] * 3, "Notification")


@pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [
        ("sqs", "arn:aws:sqs:us-east-1:123456789012:missing"),
        ("lambda", f"{LAMBDA}missing"),
        ("https", "https://example.com/orders"),
        ("firehose", "arn:aws:firehose:us-east-1:123456789012:deliverystream/missing"),
    ],
)
def test_undeliverable_message_goes_to_the_dead_letter_queue(site, subscribe, publish, protocol, endpoint):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    dead = site.queue("dead")
    subscribe(protocol, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    publish(MessageAttributes=kind("a"))
    (message,) = message_bodies(dead)
    assert (message["Message"], message["MessageAttributes"]) == ("hello", {"kind": {"Type": "String", "Value": "a"}})


def test_raw_delivery_keeps_a_binary_attribute(site, subscribe, publish):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html"""
    queue = site.queue()
    subscribe("sqs", queue.arn, RawMessageDelivery="true")
    publish(MessageAttributes={"raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}})
    (message,) = queue.receive(VisibilityTimeout=0)
    assert message["MessageAttributes"]["raw"] == {"DataType": "Binary", "BinaryValue": b"\x00\xff"}
    site.function()
    site.mapping(queue)
    site.settle()
    attribute = site.seen()[0]["Records"][0]["messageAttributes"]["raw"]
    assert (attribute["dataType"], attribute["binaryValue"]) == ("Binary", "AP8=")


@pytest.mark.parametrize("version", ["1", "2"])
def test_notifications_have_the_signature_version_of_the_topic(site, topic, subscribe, publish, version):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-configure-message-signature.html"""
    queue = site.queue()
    subscribe("sqs", queue.arn)
    if version == "2":
        site.client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="SignatureVersion", AttributeValue=version
        )
    publish()
    (notification,) = message_bodies(queue)
    assert notification["SignatureVersion"] == version
    assert notification["Signature"]


def test_fifo_topic_numbers_messages_and_drops_duplicates(site):
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html"""
    sns, queue = site.client("sns"), site.queue("q.fifo")
    attributes = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    topic = sns.create_topic(Name="t.fifo", Attributes=attributes)["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    first, second = (sns.publish(TopicArn=topic, Message="a", MessageGroupId="g") for _ in range(2))
    (message,) = queue.receive()
    assert (first["MessageId"], first["SequenceNumber"]) == (second["MessageId"], second["SequenceNumber"])
    assert json.loads(message["Body"])["SequenceNumber"] == first["SequenceNumber"]
    assert message["Attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"a").hexdigest()


def test_fifo_topic_delivers_to_a_standard_queue(site):
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html"""
    sns, queue = site.client("sns"), site.queue()
    topic = sns.create_topic(Name="t.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    entries = [
        {"Id": text, "Message": text, "MessageGroupId": "g", "MessageDeduplicationId": text} for text in ("a", "b")
    ]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    numbers = [each["SequenceNumber"] for each in answer["Successful"]]
    assert [(each["Message"], each["SequenceNumber"]) for each in message_bodies(queue)] == [
        ("a", numbers[0]),
        ("b", numbers[1]),
    ]
