"""The relay: it publishes what an event store appended, in order, and gives it positions."""

import pytest
from boto3.dynamodb.types import TypeSerializer
from store_kit import make_table

from millrace.runtime import relay
from millrace.runtime.streams import Stored, Streams


class Bus:
    """Records the versions that it is given, one list per call."""

    def __init__(self):
        self.calls = []

    def publish(self, envelopes):
        self.calls.append([envelope["detail"]["name"] for envelope in envelopes])


@pytest.fixture
def streams(dynamodb, monkeypatch):
    made = make_table(dynamodb)
    monkeypatch.setattr(relay, "_streams", lambda: Streams(made))
    yield Streams(made)
    made.delete()


@pytest.fixture
def bus(monkeypatch):
    bus = Bus()
    monkeypatch.setattr(relay, "publisher", lambda: bus)
    return bus


def stored(stream, version):
    envelope = {"source": "test.jar", "detail-type": "CoinDropped", "detail": {"name": f"{stream}{version}"}}
    return Stored(stream, version, envelope)


def appended(streams, *names):
    """Append one event per name, such as a1, and return them in that order."""
    events = [stored(name[0], int(name[1:])) for name in sorted(names)]
    for event in events:
        streams.append([event])
    by_name = {event.envelope["detail"]["name"]: event for event in events}
    return [by_name[name] for name in names]


def record(event):
    return {"dynamodb": {"NewImage": {name: TypeSerializer().serialize(value) for name, value in event.item().items()}}}


def positions(streams):
    return [event.envelope["detail"]["name"] for event in streams.read_all()]


@pytest.mark.parametrize(
    ("arrived", "published"),
    [
        (["a1", "a2", "a3"], ["a1", "a2", "a3"]),
        (["a3", "a2", "a1"], ["a1", "a2", "a3"]),
        (["b2", "a2", "b1", "a1"], ["b1", "a1", "b2", "a2"]),
    ],
)
def test_the_events_of_a_stream_are_published_in_the_order_of_their_versions(streams, bus, arrived, published):
    records = [record(event) for event in appended(streams, *arrived)]
    assert relay.handler({"Records": records}, None) == {"published": len(arrived)}
    assert bus.calls == [published]
    assert positions(streams) == published


def test_events_that_are_published_twice_keep_their_positions(streams, bus):
    records = [record(event) for event in appended(streams, "a1", "a2")]
    for _ in range(2):
        relay.handler({"Records": records}, None)
    assert (len(bus.calls), positions(streams), streams.head()) == (2, ["a1", "a2"], 2)


def test_without_records_the_relay_publishes_all_pending_events_in_groups(streams, bus, monkeypatch):
    monkeypatch.setattr(relay, "_BATCH", 2)
    appended(streams, "a1", "a2", "a3")
    assert relay.handler({}, None) == {"published": 3}
    assert bus.calls == [["a1", "a2"], ["a3"]]
    assert (positions(streams), list(streams.pending())) == (["a1", "a2", "a3"], [])


def test_an_event_that_is_not_published_stays_pending(streams, bus, monkeypatch):
    def refuse(_envelopes):
        raise RuntimeError("throttled")

    monkeypatch.setattr(bus, "publish", refuse)
    (event,) = appended(streams, "a1")
    with pytest.raises(RuntimeError, match="throttled"):
        relay.handler({"Records": [record(event)]}, None)
    assert (positions(streams), [e.version for e in streams.pending()]) == ([], [1])
