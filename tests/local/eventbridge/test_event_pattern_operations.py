"""Patterns through the API: PutRule and TestEventPattern."""

import json

import pytest
from botocore.exceptions import ClientError

pytest_plugins = ["bus_fixtures"]

EVENT = {
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "OrderPlaced",
    "source": "shop.orders",
    "account": "123456789012",
    "time": "2024-05-21T12:00:00Z",
    "region": "us-east-1",
    "resources": [],
    "detail": {"total": 12},
}


def matches(events, pattern, event):
    return events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"]


def test_test_event_pattern_matches_event(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html"""
    assert matches(events, {"detail": {"total": [{"numeric": [">", 10]}]}}, EVENT)
    assert not matches(events, {"detail": {"total": [{"numeric": [">", 12]}]}}, EVENT)


@pytest.mark.parametrize("name", ["id", "account", "source", "time", "region", "resources", "detail-type"])
def test_test_event_pattern_requires_mandatory_fields(events, name):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html"""
    event = {key: value for key, value in EVENT.items() if key != name}
    with pytest.raises(ClientError, match=f"Parameter Event is not valid. Reason: {name} must be in the event"):
        matches(events, {"source": ["a"]}, event)


def test_test_event_pattern_requires_json_event(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html"""
    with pytest.raises(ClientError, match="Parameter Event is not valid"):
        events.test_event_pattern(EventPattern='{"source": ["a"]}', Event="not JSON")


INVALID = [
    ('{"source": []}', "Empty arrays are not allowed"),
    ('{"source": "a"}', '"source" must be an object or an array'),
    ('{"detail": {"n": [{"numeric": ["~", 3]}]}}', "Unrecognized numeric range operator"),
    ('["a"]', "Filter is not an object"),
    ("not JSON", ""),
]


@pytest.mark.parametrize(("pattern", "reason"), INVALID)
def test_put_rule_rejects_invalid_pattern(events, pattern, reason):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
    Differs: the message ends with the clause; on AWS with line and column.
    """
    with pytest.raises(events.exceptions.InvalidEventPatternException) as refused:
        events.put_rule(Name="r", EventPattern=pattern)
    assert refused.value.response["Error"]["Message"].startswith(f"Event pattern is not valid. Reason: {reason}")
    assert events.list_rules()["Rules"] == []


@pytest.mark.parametrize(("pattern", "reason"), INVALID)
def test_test_event_pattern_rejects_invalid_pattern(events, pattern, reason):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html"""
    with pytest.raises(events.exceptions.InvalidEventPatternException, match="Event pattern is not valid"):
        events.test_event_pattern(EventPattern=pattern, Event=json.dumps(EVENT))


def test_put_rule_requires_pattern_or_schedule(events):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""
    with pytest.raises(ClientError, match="EventPattern or ScheduleExpression must be specified"):
        events.put_rule(Name="r")
