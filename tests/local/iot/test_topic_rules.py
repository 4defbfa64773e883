"""Topic rules of IoT Core, which iot-data Publish triggers."""

import base64

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


@pytest.mark.parametrize(
    ("sql", "action", "message"),
    [
        ("SELECT celsius FROM 'a'", {}, "must be SELECT . FROM 'filter' in the local cloud"),
        ("SELECT * FROM 'a' WHERE celsius > 8", {}, "must be SELECT . FROM 'filter' in the local cloud"),
        ("SELECT * FROM 'a'", {"sns": {"targetArn": "a", "roleArn": "b"}}, "not sns"),
    ],
)
def test_rule_that_is_not_played_is_refused_by_name(site, rule, sql, action, message):
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
