"""Handlers behind a stream: in order, and only the record that fails is quarantined."""

import base64
import itertools
import json

import pytest

from millrace.events import Event
from millrace.runtime import processor


class Knocked(Event, source="test.visitor"):
    times: int


@pytest.fixture
def batch(recorded):
    """A batch of a stream, of so many knocks each."""
    metadata = recorded("order_placed")["detail"]["metadata"]

    ids = itertools.count()

    def record(number, times):
        detail = {"metadata": {**metadata, "event_id": f"event-{next(ids)}"}, "data": {"times": times}}
        envelope = json.dumps({"source": "test.visitor", "detail-type": "Knocked", "detail": detail})
        data = base64.b64encode(envelope.encode()).decode()
        return {"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": str(number), "data": data}}

    return lambda *times: {"Records": [record(number, each) for number, each in enumerate(times)]}


@pytest.fixture
def received():
    return []


@pytest.fixture
def handler(received):
    @processor
    def handler(knock: Knocked) -> None:
        if knock.times > 9:
            raise RuntimeError("too loud")
        received.append(knock.times)

    return handler


@pytest.fixture
def list_handler(received):
    @processor
    def handler(knocks: list[Knocked]) -> None:
        received.append([knock.times for knock in knocks])
        if any(knock.times > 9 for knock in knocks):
            raise RuntimeError("too loud")

    return handler


def test_a_stream_is_handled_in_its_order(handler, batch, received):
    assert handler(batch(3, 1, 2), None) == {"batchItemFailures": []}
    assert received == [3, 1, 2]


def test_nothing_overtakes_a_record_that_fails(handler, batch, received):
    assert handler(batch(1, 10, 2), None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert received == [1]


def test_a_first_record_that_fails_has_its_batch_halved(handler, batch, received):
    with pytest.raises(RuntimeError, match="too loud"):
        handler(batch(10, 2), None)
    assert received == []


def test_a_record_that_fails_alone_is_named(handler, batch):
    assert handler(batch(10), None) == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_a_list_takes_a_batch_of_a_stream_as_a_whole(list_handler, batch, received):
    assert list_handler(batch(1, 2), None) == {"batchItemFailures": []}
    with pytest.raises(RuntimeError, match="too loud"):
        list_handler(batch(1, 10), None)
    assert received == [[1, 2], [1, 10]]
