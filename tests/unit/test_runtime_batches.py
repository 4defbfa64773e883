"""What a function is invoked with: one event, a batch of a queue, or a batch of a stream."""

import base64
import json
from types import SimpleNamespace

import pytest

from millrace.runtime import batch, requeue
from millrace.runtime.batch import all_events, each_event, is_batch, is_ordered
from millrace.runtime.requeue import DependencyUnavailableError


def message(content, number=0, attempt=1):
    return {
        "messageId": f"m-{number}",
        "body": content if isinstance(content, str) else json.dumps(content),
        "attributes": {"ApproximateReceiveCount": str(attempt), "SentTimestamp": "1700000000000"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
    }


def record(content, number=0):
    data = base64.b64encode(content if isinstance(content, bytes) else json.dumps(content).encode()).decode()
    return {"kinesis": {"data": data, "sequenceNumber": str(number)}}


@pytest.fixture
def calls():
    return []


@pytest.fixture
def handle(calls):
    """A handler that records its calls, and fails for marked events."""

    def handle(envelope, attempt):
        calls.append((envelope, attempt))
        if "fail" in str(envelope):
            raise RuntimeError("failed")

    return handle


@pytest.mark.parametrize(
    ("payload", "batch", "ordered"),
    [
        ({"Records": [message("x")]}, True, False),
        ({"Records": [record("x")]}, True, True),
        ({"Records": [{"messageId": "m", "body": "x"}]}, True, False),
        ({"Records": [message("x"), record("x")]}, False, False),
        ({"Records": [message("x") | {"body": 1}]}, False, False),
        ({"Records": [message("x") | {"messageId": None}]}, False, False),
        ({"Records": [message("x") | {"attributes": []}]}, False, False),
        ({"Records": [{"kinesis": {"data": "x"}}]}, False, False),
        ({"Records": [{"kinesis": {"sequenceNumber": "1"}}]}, False, False),
        ({"Records": [{"kinesis": "x"}]}, False, False),
        ({"Records": ["x"]}, False, False),
        ({"Records": []}, False, False),
        ({"Records": {}}, False, False),
        ({}, False, False),
        ([], False, False),
        (None, False, False),
    ],
)
def test_a_payload_is_a_batch_if_all_its_records_have_one_form(payload, batch, ordered):
    assert (is_batch(payload), is_ordered(payload)) == (batch, ordered)


def test_a_rule_invokes_with_one_event(handle, calls):
    assert (
        each_event({"source": "a"}, None, lambda envelope, attempt: handle(envelope, attempt) or "result") == "result"
    )
    assert calls == [({"source": "a"}, 1)]
    with pytest.raises(RuntimeError):
        each_event({"fail": 1}, None, handle)


def test_a_queue_is_answered_with_the_messages_that_failed(handle, calls):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    records = [message({"n": 1}, 1, attempt=3), message({"fail": 2}, 2), message({"n": 3}, 3)]
    assert each_event({"Records": records}, None, handle) == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    assert calls == [({"n": 1}, 3), ({"fail": 2}, 1), ({"n": 3}, 1)]


def test_a_stream_is_answered_with_the_first_record_that_failed(handle, calls):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html"""
    records = [record({"n": 1}, 1), record({"fail": 2}, 2), record({"n": 3}, 3)]
    assert each_event({"Records": records}, None, handle) == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert calls == [({"n": 1}, 1), ({"fail": 2}, 1)]
    assert each_event({"Records": records[:1]}, None, handle) == {"batchItemFailures": []}


def test_the_first_of_several_records_of_a_stream_fails_the_batch(handle):
    with pytest.raises(RuntimeError):
        each_event({"Records": [record("fail"), record("x", 1)]}, None, handle)
    answer = each_event({"Records": [record("fail", 7)]}, None, handle)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "7"}]}


@pytest.mark.parametrize(
    ("sent", "envelope"),
    [
        (message({"a": 1}), {"a": 1}),
        (message({"a": 1, "requestPayload": {"b": 2}}), {"b": 2}),
        (message("[1]"), [1]),
        (message("no json"), "no json"),
        (message("[" * 100_000), "[" * 100_000),
        (record({"a": "ü"}), {"a": "ü"}),
        (record(b"\xff"), "\ufffd"),
        ({"kinesis": {"data": "x", "sequenceNumber": "1"}}, "x"),
    ],
)
def test_the_envelope_of_a_record_is_its_content(calls, handle, sent, envelope):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    each_event({"Records": [sent]}, None, handle)
    assert calls == [(envelope, 1)]


def test_a_batch_as_a_whole_succeeds_or_fails(calls, handle):
    messages = [message({"n": 1}, 1, attempt=2), message({"n": 2}, 2)]
    assert all_events(messages, handle) == {"batchItemFailures": []}
    assert calls == [([{"n": 1}, {"n": 2}], 2)]
    failed = all_events([message("fail", 1), message({}, 2)], handle)
    assert failed == {"batchItemFailures": [{"itemIdentifier": "m-1"}, {"itemIdentifier": "m-2"}]}


def test_a_batch_of_a_stream_that_fails_as_a_whole_raises(handle):
    with pytest.raises(RuntimeError):
        all_events([record("fail")], handle)


# -- waiting -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def queue(monkeypatch):
    """The messages that are sent to the queue, at 100 s after the first one was sent."""
    sent = []
    monkeypatch.setattr(requeue, "client", lambda _: SimpleNamespace(send_message=lambda **given: sent.append(given)))
    monkeypatch.setattr(requeue, "time", SimpleNamespace(time=lambda: 1_700_000_100.0))
    monkeypatch.setattr(requeue.random, "uniform", lambda low, high: (low + high) / 2)
    monkeypatch.setenv("MILLRACE_QUEUE", "https://sqs/q")
    return sent


def unavailable(seconds=5.0, max_wait=1000.0):
    def handle(_envelope, _attempt):
        raise DependencyUnavailableError("away", seconds=seconds, max_wait=max_wait)

    return handle


def test_an_event_that_waits_is_sent_again_and_counts_as_handled(queue):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html"""
    assert each_event({"Records": [message({"n": 1})]}, None, unavailable()) == {"batchItemFailures": []}
    assert queue == [
        {
            "QueueUrl": "https://sqs/q",
            "MessageBody": '{"n": 1}',
            "DelaySeconds": 38,
            "MessageAttributes": {"WaitingSince": {"DataType": "Number", "StringValue": "1700000000.000"}},
        }
    ]


def test_all_messages_of_a_batch_wait_together(queue):
    assert all_events([message({"n": 1}), message({"n": 2})], unavailable()) == {"batchItemFailures": []}
    assert [sent["MessageBody"] for sent in queue] == ['{"n": 1}', '{"n": 2}']


@pytest.mark.parametrize(("seconds", "delay"), [(37.0, 38), (40.5, 41), (2000.0, 900)])
def test_a_message_is_delayed_as_requested_and_at_most_15_minutes(queue, seconds, delay):
    each_event({"Records": [message({})]}, None, unavailable(seconds))
    assert queue[0]["DelaySeconds"] == delay


@pytest.mark.parametrize(("max_wait", "fails"), [(100.0, False), (99.0, True)])
def test_an_event_waits_until_its_time_is_over(queue, max_wait, fails):
    answer = each_event({"Records": [message({})]}, None, unavailable(max_wait=max_wait))
    assert (len(answer["batchItemFailures"]), len(queue)) == ((1, 0) if fails else (0, 1))


def test_a_message_remembers_when_it_began_to_wait(queue):
    again = message({}) | {"messageAttributes": {"WaitingSince": {"stringValue": "1700000060.5"}}}
    each_event({"Records": [again]}, None, unavailable(seconds=1.0))
    assert queue[0]["MessageAttributes"]["WaitingSince"]["StringValue"] == "1700000060.500"
    assert queue[0]["DelaySeconds"] == 15


def test_a_handler_without_a_queue_cannot_wait(queue, monkeypatch):
    monkeypatch.delenv("MILLRACE_QUEUE")
    with pytest.raises(LookupError, match="MILLRACE_QUEUE is not set: the construct of a handler"):
        requeue.requeue(message({}), DependencyUnavailableError("away", seconds=1, max_wait=1000))


def test_a_requeued_event_has_a_reason_and_a_maximum_wait():
    unavailable = DependencyUnavailableError("the carrier is away", seconds=1, max_wait=2)
    assert (str(unavailable), unavailable.seconds, unavailable.max_wait) == ("the carrier is away", 1, 2)
    assert batch.DependencyUnavailableError is DependencyUnavailableError
