"""A thousand inputs that are no events, in every way that hypothesis finds: none reaches a handler, none is lost."""

import json
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millrace.events import Event
from millrace.runtime import processor


class Poured(Event, source="test.kitchen"):
    cup: str


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
metadata = st.fixed_dictionaries(
    {},
    optional={
        "event_id": json_values,
        "correlation_id": json_values,
        "occurred_at": json_values,
        "producer": json_values,
        "version": json_values,
        "hops": json_values,
    },
)
envelopes = st.fixed_dictionaries(
    {},
    optional={
        "source": st.just("test.kitchen") | json_values,
        "detail-type": st.just("Poured") | json_values,
        "detail": json_values | st.fixed_dictionaries({"metadata": metadata | json_values, "data": json_values}),
    },
)
bodies = st.text(min_size=1) | st.just("[" * 20_000) | st.builds(json.dumps, json_values | envelopes)


@pytest.fixture
def handled():
    return []


@pytest.fixture
def pour(handled):
    @processor
    def handler(event: Poured) -> None:
        handled.append(event)

    return handler


def record(body):
    return {
        "messageId": str(uuid4()),
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "receiptHandle": "x",
        "md5OfBody": "x",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:q",
        "awsRegion": "us-east-1",
    }


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(bodies, min_size=10, max_size=10))
def test_what_is_no_event_is_put_aside_and_never_handled(pour, handled, quarantined, given_bodies):
    quarantined.clear()
    assert pour({"Records": [record(body) for body in given_bodies]}, None) == {"batchItemFailures": []}
    assert handled == []
    assert len(quarantined) == len(given_bodies)
