"""What other services hand to functions: topics and buckets; and how buckets reach the default bus."""

import json

import pytest
from sources_kit import LAMBDA, letters

pytest_plugins = ["sources_fixtures"]


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


def test_a_topic_hands_its_message_to_a_function(site, topic, subscribe, publish):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html

    Differs: the signature is empty.
    """
    subscription = subscribe("lambda", site.function())
    message_id = publish(Subject="about", MessageAttributes=kind("a"))
    (record,) = site.seen()[0]["Records"]
    assert (record["EventSource"], record["EventSubscriptionArn"]) == ("aws:sns", subscription)
    told = record["Sns"]
    assert (told["MessageId"], told["TopicArn"], told["Message"]) == (message_id, topic, "hello")
    assert (told["Subject"], told["MessageAttributes"]) == ("about", {"kind": {"Type": "String", "Value": "a"}})


def test_a_failing_subscriber_is_retried_and_fails_nobody_else(site, subscribe, publish):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-lambda-as-subscriber.html"""
    subscribe("lambda", site.function("f", "raise RuntimeError('no')"))
    subscribe("lambda", site.function("g"))
    publish()
    assert (len(site.seen("f")), len(site.seen("g"))) == (3, 1)


def test_a_filter_policy_holds_for_functions_and_queues(site, subscribe, publish):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html"""
    queue, policy = site.queue(), json.dumps({"kind": ["a"]})
    subscribe("lambda", site.function(), FilterPolicy=policy)
    subscribe("sqs", queue.arn, FilterPolicy=policy)
    publish("1", MessageAttributes=kind("a"))
    publish("2", MessageAttributes=kind("b"))
    assert [event["Records"][0]["Sns"]["Message"] for event in site.seen()] == ["1"]
    assert [letter["Message"] for letter in letters(queue)] == ["1"]


@pytest.mark.parametrize(("raw", "bare"), [("true", True), ("false", False)])
def test_raw_delivery_gives_a_queue_the_bare_message(site, subscribe, publish, raw, bare):
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
def test_what_cannot_be_delivered_goes_to_the_subscription_s_queue(site, subscribe, publish, protocol, endpoint):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html"""
    dead = site.queue("dead")
    subscribe(protocol, endpoint, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn}))
    publish()
    assert [message["Body"] for message in dead.receive()] == ["hello"]


# -- buckets ---------------------------------------------------------------------------------------------------------


def notify(s3, **configuration):
    s3.put_bucket_notification_configuration(Bucket="bucket", NotificationConfiguration=configuration)


def test_a_bucket_hands_its_notification_to_a_function(site, s3):
    """https://docs.aws.amazon.com/lambda/latest/dg/with-s3.html"""
    filters = {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".txt"}]}}
    created = {"Id": "texts", "LambdaFunctionArn": site.function(), "Events": ["s3:ObjectCreated:*"], "Filter": filters}
    notify(s3, LambdaFunctionConfigurations=[created])
    s3.put_object(Bucket="bucket", Key="of/no interest", Body=b"")
    s3.put_object(Bucket="bucket", Key="a folder/ä.txt", Body=b"hello")
    site.settle()
    (event,) = site.seen()
    (record,) = event["Records"]
    assert (record["eventName"], record["s3"]["configurationId"]) == ("ObjectCreated:Put", "texts")
    assert record["s3"]["object"]["key"] == "a+folder/%C3%A4.txt"
    assert record["s3"]["object"]["size"] == 5


def test_a_bucket_sends_to_a_queue_as_well(site, s3):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html"""
    queue = site.queue()
    notify(s3, QueueConfigurations=[{"QueueArn": queue.arn, "Events": ["s3:ObjectRemoved:*"]}])
    s3.put_object(Bucket="bucket", Key="k", Body=b"")
    s3.delete_object(Bucket="bucket", Key="k")
    site.settle()
    records = [letter["Records"][0]["eventName"] for letter in letters(queue) if "Records" in letter]
    assert records == ["ObjectRemoved:Delete"]


@pytest.fixture
def observed(site, s3):
    """The events of buckets that reach the default bus, and those that reach another."""
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


def test_a_bucket_tells_the_default_bus_alone(site, s3, observed):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html"""
    s3.put_object(Bucket="bucket", Key="a/b c", Body=b"hello")
    site.settle()
    (event,) = letters(observed["default"])
    assert (event["detail-type"], event["source"]) == ("Object Created", "aws.s3")
    assert event["resources"] == ["arn:aws:s3:::bucket"]
    detail = event["detail"]
    assert (detail["object"]["key"], detail["object"]["size"]) == ("a/b c", 5)
    assert (detail["reason"], detail["bucket"]) == ("PutObject", {"name": "bucket"})
    assert letters(observed["other"]) == []


def test_a_deletion_is_told_with_its_type(site, s3, observed):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""
    s3.put_object(Bucket="bucket", Key="k", Body=b"")
    s3.delete_object(Bucket="bucket", Key="k")
    site.settle()
    event = letters(observed["default"])[-1]
    assert (event["detail-type"], event["detail"]["reason"]) == ("Object Deleted", "DeleteObject")
    assert event["detail"]["deletion-type"] == "Permanently Deleted"


def test_only_tagging_an_object_tells_of_tags(site, s3, observed):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventBridge.html"""
    s3.put_object(Bucket="bucket", Key="k", Body=b"", Tagging="a=b")
    s3.put_object_tagging(Bucket="bucket", Key="k", Tagging={"TagSet": [{"Key": "a", "Value": "c"}]})
    site.settle()
    assert [event["detail-type"] for event in letters(observed["default"])] == ["Object Created", "Object Tags Added"]


# -- refused ---------------------------------------------------------------------------------------------------------


def test_a_subscription_of_a_log_group_is_refused_by_name(site):
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutSubscriptionFilter.html

    Refused: the local cloud delivers no log events to functions or streams.
    """
    logs = site.client("logs")
    logs.create_log_group(logGroupName="g")
    with pytest.raises(logs.exceptions.InvalidParameterException, match="subscription filter"):
        logs.put_subscription_filter(logGroupName="g", filterName="f", filterPattern="", destinationArn=site.function())
