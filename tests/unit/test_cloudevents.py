"""CloudEvents 1.0 in both modes, compared with the CloudEvents SDK."""

import json

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from millrace.events import ContractError, Event, Metadata, decode, encode
from millrace.events.cloudevents import STRUCTURED, from_cloudevent, from_http, to_cloudevent, to_http

EXTERNAL = {"specversion": "1.0", "id": "7", "source": "tea.shop", "type": "Poured", "data": {"cup": "blue"}}


class Poured(Event, source="tea.kitchen"):
    cup: str


@pytest.fixture
def envelope():
    """An event with a cause and all metadata, with characters that headers must encode."""
    cause = Metadata.root(producer="waiter").causes(producer='the "kitchen" café 100 %', position=0)
    metadata = cause.model_copy(update={"idempotency_key": "cup 1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    return encode(Poured(cup="bleu clair").stamped(metadata))


def by_sdk(headers, body):
    return from_http_event(HTTPMessage(headers=headers, body=body))


def test_structured_mode_keeps_all_metadata(envelope):
    back = decode(from_cloudevent(json.loads(json.dumps(to_cloudevent(envelope)))), Poured)
    assert back == decode(envelope, Poured)
    assert back.metadata == decode(envelope, Poured).metadata


def test_binary_mode_keeps_all_metadata(envelope):
    assert from_http(*to_http(envelope)) == envelope


def test_sdk_reads_the_binary_mode(envelope):
    read = by_sdk(*to_http(envelope))
    metadata = envelope["detail"]["metadata"]
    assert (read.get_source(), read.get_type(), read.get_data()) == ("tea.kitchen", "Poured", {"cup": "bleu clair"})
    assert (read.get_id(), read.get_extension("producer")) == (metadata["event_id"], 'the "kitchen" café 100 %')
    assert read.get_extension("correlationid") == metadata["correlation_id"]


def test_sdk_reads_the_structured_mode(envelope):
    read = by_sdk({"content-type": STRUCTURED}, json.dumps(to_cloudevent(envelope)).encode())
    assert read.get_data() == {"cup": "bleu clair"}
    assert read.get_extension("hops") == 1


@pytest.mark.parametrize("write", [to_binary_event, to_structured_event])
def test_both_modes_of_the_sdk_are_read(envelope, write):
    attributes = to_cloudevent(envelope)
    data = attributes.pop("data")
    attributes["time"] = decode(envelope, Poured).metadata.occurred_at
    message = write(CloudEvent(attributes, data))
    assert from_http(message.headers, message.body) == envelope


def test_external_event_starts_a_flow():
    metadata = decode(from_cloudevent(EXTERNAL), Poured).metadata
    assert metadata.correlation_id == metadata.event_id
    assert (metadata.producer, metadata.hops, metadata.version) == ("tea.shop", 0, 1)


def test_event_id_is_derived_from_source_and_id():
    def event_id(**changed):
        return from_cloudevent(EXTERNAL | changed)["detail"]["metadata"]["event_id"]

    assert event_id() == event_id()
    assert len({event_id(), event_id(source="tea.garden"), event_id(id="8")}) == 3


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"specversion": "0.3"}, "CloudEvent.specversion = '0.3'"),
        ({"id": ""}, "CloudEvent.id = ''"),
        ({"time": "yesterday"}, "CloudEvent.time = 'yesterday'"),
        ({"data": "text"}, "CloudEvent.data = 'text'"),
        ({"datacontenttype": "text/xml"}, "CloudEvent.datacontenttype = 'text/xml'"),
        ({"hops": -1}, "CloudEvent.hops = -1"),
        ({"time": "0001-01-01T00:00:00+14:00"}, "should be in the years 1 to 9999 in UTC"),
        ({"correlationid": ""}, "CloudEvent.correlationid = ''"),
    ],
)
def test_invalid_cloudevent_raises_with_attribute_and_value(changed, message):
    with pytest.raises(ContractError) as caught:
        from_cloudevent(EXTERNAL | changed)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({"Content-Type": STRUCTURED}, b"{", "CloudEvent.body"),
        ({"Content-Type": STRUCTURED}, b"[]", "CloudEvent.body"),
        ({"Content-Type": "application/cloudevents-batch+json"}, b"[]", "CloudEvent.specversion"),
        ({}, b"{}", "CloudEvent.specversion"),
    ],
)
def test_request_without_a_cloudevent_raises(headers, body, message):
    with pytest.raises(ContractError, match=message):
        from_http(headers, body)


def test_unknown_attribute_is_ignored():
    assert from_cloudevent(EXTERNAL | {"subject": "cup", "partitionkey": "7"})["detail"]["data"] == {"cup": "blue"}


def test_every_metadata_field_is_converted():
    rest = {
        "causation_id": "c",
        "idempotency_key": "k",
        "traceparent": "t",
        "stream": "s",
        "stream_version": 3,
        "path": "w",
    }
    full = Metadata(**Metadata.root(producer="p").model_dump(exclude_none=True), **rest)
    envelope = encode(Poured(cup="blue").stamped(full))
    assert envelope["detail"]["metadata"].keys() == Metadata.model_fields.keys()
    assert from_http(*to_http(envelope)) == envelope
