"""Circuit breakers, and the queue in which events wait."""

import json
import signal
import time
from types import SimpleNamespace

import pytest
from aws_lambda_powertools.utilities.circuit_breaker import base as circuits

from millrace.events import Event
from millrace.runtime import DependencyUnavailableError, breaker, processor, requeue, step
from millrace.runtime.breaker import TABLE, MisplacedBreakerError, _states


class Down(Exception):
    pass


class Knocked(Event, source="test.visitor"):
    times: int


@pytest.fixture(autouse=True)
def states(table, monkeypatch):
    """A table of circuits, and a process that has seen none of them."""
    made = table("id")
    monkeypatch.setenv(TABLE, made.name)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-2")
    new_process()
    return made


def new_process():
    _states.cache_clear()
    for known in (circuits._LOCAL_FAILURES, circuits._LOCAL_SUCCESSES, circuits._LAST_OBSERVED_STATE):
        known.clear()


def run_out_of_time():
    """End the running timeout."""
    assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    signal.raise_signal(signal.SIGALRM)


@pytest.fixture
def requeued(monkeypatch):
    """The messages that are put into the queue again."""
    sent = []
    queue = SimpleNamespace(send_message=lambda **message: sent.append(message))
    monkeypatch.setattr(requeue, "client", lambda _: queue)
    monkeypatch.setenv(requeue.QUEUE, "https://sqs/q")
    return sent


@pytest.fixture
def mailer():
    """A handler whose mailer is unavailable, and its calls."""
    called = []

    @processor
    @breaker("mailer", on=Down, threshold=2, recovery=30, timeout=60, max_wait=100)
    def handler(knock: Knocked) -> None:
        called.append(knock.times)
        if knock.times == 7:
            run_out_of_time()
        raise {8: ValueError("mine")}.get(knock.times, Down("no response"))

    handler.called = called
    return handler


@pytest.fixture
def batch(recorded):
    """A batch of a queue, of so many knocks each, sent so many seconds ago."""
    metadata = recorded("order_placed")["detail"]["metadata"]

    def record(number, times, age):
        detail = {"metadata": metadata, "data": {"times": times}}
        return {
            "messageId": str(number),
            "body": json.dumps({"source": "test.visitor", "detail-type": "Knocked", "detail": detail}),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(int((time.time() - age) * 1000))},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        }

    return lambda *times, age=0: {"Records": [record(number, each, age) for number, each in enumerate(times)]}


def test_event_is_requeued_and_counts_as_handled_while_its_dependency_is_unavailable(mailer, batch, requeued):
    payload = batch(1)
    assert mailer(payload, None) == {"batchItemFailures": []}
    (message,) = requeued
    assert (message["QueueUrl"], message["MessageBody"]) == ("https://sqs/q", payload["Records"][0]["body"])
    assert message["DelaySeconds"] == 30


def test_open_circuit_does_not_call_the_handler(mailer, batch, requeued):
    mailer(batch(1, 2, 3, 4), None)
    assert mailer.called == [1, 2]
    assert len(requeued) == 4


def test_the_state_of_a_circuit_outlives_the_process(mailer, batch, requeued, states):
    mailer(batch(1, 2), None)
    new_process()
    mailer(batch(3), None)
    assert mailer.called == [1, 2]
    assert states.get_item(Key={"id": "mailer"})["Item"]["state"] == "OPEN"


def test_slow_call_counts_as_a_failure_of_the_dependency(mailer, batch, requeued):
    assert mailer(batch(7), None) == {"batchItemFailures": []}
    assert len(requeued) == 1


def test_another_error_is_a_failure_like_any_other(mailer, batch, requeued):
    assert mailer(batch(8, 8, 8), None)["batchItemFailures"] == [{"itemIdentifier": str(n)} for n in range(3)]
    assert (mailer.called, requeued) == ([8, 8, 8], [])


def test_an_event_remembers_since_when_it_waits(mailer, batch, requeued):
    payload = batch(1, age=50)
    mailer(payload, None)
    since = requeued[0]["MessageAttributes"]["WaitingSince"]["StringValue"]
    assert float(since) == int(payload["Records"][0]["attributes"]["SentTimestamp"]) / 1000
    payload["Records"][0]["messageAttributes"] = {"WaitingSince": {"stringValue": str(time.time() - 101)}}
    assert mailer(payload, None)["batchItemFailures"] == [{"itemIdentifier": "0"}]


def test_the_longer_an_event_waits_the_less_often_it_looks():
    assert requeue._delay(30, waited=0) == 30
    assert 250 <= requeue._delay(30, waited=1000) <= 500
    assert requeue._delay(30, waited=100_000) == requeue.LONGEST_DELAY


def test_without_a_queue_the_error_is_raised(mailer, batch):
    with pytest.raises(DependencyUnavailableError, match="Down: no response"):
        mailer.handle([json.loads(batch(1)["Records"][0]["body"])], 1)


def test_a_breaker_above_its_processor_is_refused():
    with pytest.raises(MisplacedBreakerError, match="write it below"):

        @breaker("mailer", on=Down)
        @processor
        def handler(knock: Knocked) -> None: ...


def test_a_step_has_no_breaker():
    with pytest.raises(MisplacedBreakerError, match="a step has no queue for its events"):

        @step
        @breaker("mailer", on=Down)
        def handler(knock: Knocked) -> None: ...
