"""Topic rules of IoT Core, which iot-data Publish triggers."""

import base64
import json

import pytest

from millrace.local.services.iot.service import matches, substituted

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def rule(site):
    """Create a rule that puts messages into the stream s."""

    def rule(sql="SELECT * FROM 'cargo/+/temperature'", key="${order_id}", **action):
        actions = [action or {"kinesis": {"roleArn": site.role, "streamName": "s", "partitionKey": key}}]
        site.client("iot").create_topic_rule(ruleName="r", topicRulePayload={"sql": sql, "actions": actions})

    return rule


def test_message_reaches_the_stream_with_its_partition_key(site, rule):
    """https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-rule-action.html"""
    site.function()
    site.mapping(site.stream())
    rule()
    site.client("iot-data").publish(topic="cargo/7/temperature", payload=b'{"order_id": "o-1"}')
    site.client("iot-data").publish(topic="cargo/7/door", payload=b'{"order_id": "o-2"}')
    site.settle()
    (event,) = site.seen()
    (record,) = event["Records"]
    assert record["kinesis"]["partitionKey"] == "o-1"
    assert base64.b64decode(record["kinesis"]["data"]) == b'{"order_id": "o-1"}'


def test_message_reaches_a_queue_a_function_and_a_topic(site, rule):
    """https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-actions.html"""
    queue, function = site.queue(), site.function()
    topic = site.client("sns").create_topic(Name="t")["TopicArn"]
    site.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=queue.arn, Attributes={"RawMessageDelivery": "true"}
    )
    site.client("lambda").add_permission(
        FunctionName=function, StatementId="i", Action="lambda:InvokeFunction", Principal="iot.amazonaws.com"
    )
    actions = [
        {"sqs": {"queueUrl": queue.url, "roleArn": site.role}},
        {"lambda": {"functionArn": function}},
        {"sns": {"targetArn": topic, "roleArn": site.role}},
    ]
    site.client("iot").create_topic_rule(
        ruleName="all", topicRulePayload={"sql": "SELECT * FROM 'a/#'", "actions": actions}
    )
    site.client("iot-data").publish(topic="a/b", payload=b'{"n": 1}')
    site.settle()
    assert [message["Body"] for message in queue.receive()] == ['{"n": 1}'] * 2
    assert site.seen() == [{"n": 1}]


def test_failed_action_runs_the_error_action(site):
    """https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html"""
    queue = site.queue()
    missing = {"sns": {"targetArn": "arn:aws:sns:us-east-1:123456789012:missing", "roleArn": site.role}}
    kept = {"sqs": {"queueUrl": queue.url, "roleArn": site.role}}
    payload = {"sql": "SELECT * FROM 'a'", "actions": [missing], "errorAction": kept}
    site.client("iot").create_topic_rule(ruleName="bad", topicRulePayload=payload)
    site.client("iot-data").publish(topic="a", payload=b"{}")
    site.settle()
    (message,) = queue.receive()
    (failure,) = json.loads(message["Body"])["failures"]
    assert (failure["failedAction"], "does not exist" in failure["errorMessage"]) == ("SnsAction", True)


@pytest.mark.parametrize(
    ("sql", "action", "message"),
    [
        ("SELECT celsius FROM 'a'", {}, "must be SELECT . FROM 'filter' in the local cloud"),
        ("SELECT * FROM 'a' WHERE celsius > 8", {}, "must be SELECT . FROM 'filter' in the local cloud"),
        ("SELECT * FROM 'a'", {"s3": {"bucketName": "a", "key": "k", "roleArn": "b"}}, "not s3"),
    ],
)
def test_rule_that_is_not_supported_is_refused_by_name(site, rule, sql, action, message):
    with pytest.raises(Exception, match=message):
        rule(sql, **action)


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [("a/+/c", "a/b/c", True), ("a/#", "a/b/c", True), ("a/+", "a/b/c", False), ("a/b", "a/c", False)],
)
def test_topic_filter_matches_levels(pattern, topic, expected):
    """https://docs.aws.amazon.com/iot/latest/developerguide/topics.html"""
    assert matches(pattern, topic) is expected


def test_partition_key_has_substitutions():
    """https://docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html"""
    assert substituted("${topic(2)}-${a.b}-${c}", "x/y", b'{"a": {"b": 3}}') == "y-3-undefined"
