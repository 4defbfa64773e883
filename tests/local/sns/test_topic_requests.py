"""SNS rejects invalid requests, with its own errors; its answers have AWS's attributes."""

import json

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
TEXT = {"DataType": "String", "StringValue": "a"}


@pytest.fixture(scope="module")
def sns(empty_cloud):
    yield empty_cloud.client("sns")
    empty_cloud.reset()


@pytest.fixture(scope="module")
def topic(sns):
    return sns.create_topic(Name="standard", Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]


@pytest.fixture(scope="module")
def fifo(sns):
    return sns.create_topic(Name="t.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]


def error(action, **given):
    with pytest.raises(ClientError) as raised:
        action(**given)
    return raised.value.response["Error"]["Code"], raised.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"TopicArn": "a:b"}, "TopicArn Reason: An ARN must have at least 6 elements, not 2"),
        ({"Subject": ""}, "Subject"),
        ({"Subject": "a\nb"}, "Subject"),
        ({"Message": ""}, "Empty message"),
        ({"Message": "a" * 262_145}, "Message too long"),
        ({"Message": "a" * 262_140, "MessageAttributes": {"a": TEXT}}, "Message too long"),
        ({"Message": "{", "MessageStructure": "json"}, "Message Structure - JSON message body failed to parse"),
        (
            {"Message": '{"sqs": "a"}', "MessageStructure": "json"},
            "Message Structure - No default entry in JSON message body",
        ),
        (
            {"MessageDeduplicationId": "a"},
            "MessageDeduplicationId Reason: The request includes MessageDeduplicationId parameter that is not valid",
        ),
    ],
)
def test_invalid_message_of_a_topic_is_rejected(sns, topic, given, message):
    """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
    found = error(sns.publish, **{"TopicArn": topic, "Message": "a", **given})
    assert found[0] == "InvalidParameter"
    assert found[1].startswith(f"Invalid parameter: {message}")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a", {"DataType": "String", "StringValue": ""}, "must contain non-empty message attribute value"),
        ("a", {"DataType": "Number", "BinaryValue": b"1"}, "'a' with type 'Number' must use field 'String'."),
        ("a", {"DataType": "Binary", "StringValue": "1"}, "'a' with type 'Binary' must use field 'Binary'."),
        ("a", {"DataType": "Stringa", "StringValue": "1"}, "'a' has an invalid message attribute type"),
        ("a" * 257, TEXT, "Length of message attribute name must be less than 256 bytes."),
        ("a^", TEXT, "Invalid non-alphanumeric character '#x5E' was found in the message attribute name."),
        (".a", TEXT, "Invalid message attribute name starting with character '.' was found."),
        ("a.", TEXT, "Invalid message attribute name ending with character '.' was found."),
        ("a..b", TEXT, "Message attribute name can not have successive '.' character."),
    ],
)
def test_invalid_message_attribute_of_a_topic_is_rejected(sns, topic, name, value, message):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html"""
    code, found = error(sns.publish, TopicArn=topic, Message="a", MessageAttributes={name: value})
    assert (code, message in found) == ("ParameterValueInvalid", True)


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([{"Id": str(number), "Message": "a"} for number in range(11)], "TooManyEntriesInBatchRequest"),
        ([{"Id": "1", "Message": "a"}, {"Id": "1", "Message": "b"}], "BatchEntryIdsNotDistinct"),
        ([{"Id": "1", "Message": "a"}, {"Id": "2", "Message": ""}], "InvalidParameter"),
        ([{"Id": str(number), "Message": "a" * 200_000} for number in range(2)], "BatchRequestTooLong"),
    ],
)
def test_batch_with_an_invalid_message_is_rejected_whole(sns, topic, entries, code):
    """https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html"""
    assert error(sns.publish_batch, TopicArn=topic, PublishBatchRequestEntries=entries)[0] == code


def test_message_of_a_fifo_topic_needs_a_group_and_a_deduplication_id(sns, fifo):
    """https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html"""
    without_group = error(sns.publish, TopicArn=fifo, Message="a")[1]
    without_id = error(sns.publish, TopicArn=fifo, Message="a", MessageGroupId="g")[1]
    assert without_group == "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
    assert without_id.startswith("Invalid parameter: The topic should either have ContentBasedDeduplication enabled")


def test_unknown_topic_and_subscription_are_not_found(sns, topic):
    """https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html#API_SetSubscriptionAttributes_Errors"""
    raw = {"AttributeName": "RawMessageDelivery", "AttributeValue": "true"}
    entries = [{"Id": "1", "Message": "a"}]
    assert error(sns.publish, TopicArn=f"{topic}x", Message="a") == ("NotFound", "Topic does not exist")
    assert error(sns.publish_batch, TopicArn=f"{topic}x", PublishBatchRequestEntries=entries)[0] == "NotFound"
    found = error(sns.set_subscription_attributes, SubscriptionArn=f"{topic}:a", **raw)
    assert found == ("NotFound", "Subscription does not exist")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("Unknown", "a", "AttributeName"),
        ("RawMessageDelivery", "yes", "RawMessageDelivery: Invalid value [yes]. Must be true or false."),
        ("RedrivePolicy", '{"deadLetterTargetArn": "a"}', "RedrivePolicy: deadLetterTargetArn is an invalid arn"),
        (
            "FilterPolicy",
            "{a}",
            "FilterPolicy: failed to parse JSON. Unexpected character ('a' (code 97)): was expecting double-quote",
        ),
    ],
)
def test_invalid_attribute_of_a_subscription_is_rejected(sns, topic, name, value, message):
    """https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html"""
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:q"
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, ReturnSubscriptionArn=True)
    arn = subscription["SubscriptionArn"]
    found = error(sns.set_subscription_attributes, SubscriptionArn=arn, AttributeName=name, AttributeValue=value)
    assert found[0] == "InvalidParameter"
    assert found[1].startswith(f"Invalid parameter: {message}")


def test_unknown_protocol_of_a_subscription_is_rejected(sns, topic):
    """https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html"""
    found = error(sns.subscribe, TopicArn=topic, Protocol="other", Endpoint="a")[1]
    assert found == "Invalid parameter: Amazon SNS does not support this protocol string: other"


def test_topic_exists_with_other_tags(sns, topic):
    """https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html"""
    repeated = error(sns.create_topic, Name="b", Tags=[{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}])[1]
    other = error(sns.create_topic, Name="standard", Tags=[{"Key": "b", "Value": "1"}])[1]
    assert repeated == "Invalid parameter: Duplicated keys are not allowed."
    assert other == "Invalid parameter: Tags Reason: Topic already exists with different tags"


def test_attributes_of_a_topic_include_the_default_delivery_policy(sns, topic):
    """https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html"""
    sns.set_topic_attributes(TopicArn=topic, AttributeName="SignatureVersion", AttributeValue="2")
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    retries = json.loads(attributes["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]
    assert (retries["numRetries"], attributes["SignatureVersion"]) == (3, "2")
    assert "DeliveryPolicy" not in attributes


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"a": [{"other": True}]}, "FilterPolicy: Unrecognized match type other"),
        ({"a": [{"numeric": [">", 3, "<", 1]}]}, "FilterPolicy: Bottom must be less than top"),
        ({"a": [{"exists": "no"}]}, "FilterPolicy: exists match pattern must be either true or false."),
        ({f"k{number}": ["a"] for number in range(6)}, "FilterPolicy: Filter policy can not have more than 5 keys"),
    ],
)
def test_subscription_with_an_invalid_policy_is_not_created(sns, topic, policy, message):
    """https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html"""
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:other"
    attributes = {"FilterPolicy": json.dumps(policy)}
    found = error(sns.subscribe, TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=attributes)
    assert found == ("InvalidParameter", f"Invalid parameter: Attributes Reason: {message}")
    subscriptions = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert queue not in [each["Endpoint"] for each in subscriptions]
