"""Handlers behind a stream: in order, and only the record that fails is given up."""

import base64
import itertools
import json

import pytest

from millrace.events import Event
from millrace.runtime import processor


class Knocked(Event, source="test.door"):
    times: int


@pytest.fixture
def batch(recorded):
    """A batch of a stream, of so many knocks each."""
    metadata = recorded("order_placed")["detail"]["metadata"]

    ids = itertools.count()

    def record(number, times):
        detail = {"metadata": {**metadata, "event_id": f"event-{next(ids)}"}, "data": {"times": times}}
        envelope = json.dumps({"source": "test.door", "detail-type": "Knocked", "detail": detail})
        data = base64.b64encode(envelope.encode()).decode()
        return {"eventSource": "aws:kinesis", "kinesis": {"sequenceNumber": str(number), "data": data}}

    return lambda *times: {"Records": [record(number, each) for number, each in enumerate(times)]}


@pytest.fixture
def heard():
    return []


@pytest.fixture
def door(heard):
    @processor
    def handler(knock: Knocked) -> None:
        if knock.times > 9:
            raise RuntimeError("too loud")
        heard.append(knock.times)

    return handler


@pytest.fixture
def doors(heard):
    @processor
    def handler(knocks: list[Knocked]) -> None:
        heard.append([knock.times for knock in knocks])
        if any(knock.times > 9 for knock in knocks):
            raise RuntimeError("too loud")

    return handler


def test_a_stream_is_handled_in_its_order(door, batch, heard):
    assert door(batch(3, 1, 2), None) == {"batchItemFailures": []}
    assert heard == [3, 1, 2]


def test_nothing_overtakes_a_record_that_fails(door, batch, heard):
    assert door(batch(1, 10, 2), None) == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    assert heard == [1]


def test_a_first_record_that_fails_has_its_batch_halved(door, batch, heard):
    with pytest.raises(RuntimeError, match="too loud"):
        door(batch(10, 2), None)
    assert heard == []


def test_a_record_that_fails_alone_is_named(door, batch):
    assert door(batch(10), None) == {"batchItemFailures": [{"itemIdentifier": "0"}]}


def test_a_list_takes_a_batch_of_a_stream_as_a_whole(doors, batch, heard):
    assert doors(batch(1, 2), None) == {"batchItemFailures": []}
    with pytest.raises(RuntimeError, match="too loud"):
        doors(batch(1, 10), None)
    assert heard == [[1, 2], [1, 10]]
