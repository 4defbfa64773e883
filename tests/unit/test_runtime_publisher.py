"""PutEvents, until every entry is in."""

import json
from types import SimpleNamespace

import pytest

from millrace.events import put_entry
from millrace.events.envelope import entry_bytes
from millrace.runtime import Publisher, PublishError
from millrace.runtime.publisher import publisher


class Bus:
    """Refuses entries with the codes it is given, one list for each call; then takes everything."""

    def __init__(self, *refusals):
        self.calls = []
        self._refusals = list(refusals)

    def put_events(self, *, Entries):  # noqa: N803
        codes = self._refusals.pop(0) if self._refusals else {}
        self.calls.append([json.loads(entry["Detail"])["n"] for entry in Entries])
        results = [self._result(codes.get(number)) for number in self.calls[-1]]
        return {"FailedEntryCount": sum("ErrorCode" in result for result in results), "Entries": results}

    def _result(self, code):
        return {"ErrorCode": code, "ErrorMessage": "no"} if code else {"EventId": "x"}


def envelopes(count, padding=0):
    return [{"source": "t.t", "detail-type": "T", "detail": {"n": n, "p": "x" * padding}} for n in range(count)]


def publish(bus, count=3, padding=0, **options):
    waits = []
    Publisher(bus, "bus", sleep=waits.append, **options).publish(envelopes(count, padding))
    return waits


def test_what_is_taken_is_put_once():
    bus = Bus()
    assert publish(bus) == []
    assert bus.calls == [[0, 1, 2]]


def test_only_the_refused_entries_are_put_again():
    bus = Bus({1: "InternalFailure"}, {1: "ThrottlingException"})
    assert len(publish(bus)) == 2
    assert bus.calls == [[0, 1, 2], [1], [1]]


def test_the_pauses_grow_and_vary():
    waits = []
    never = Publisher(Bus(*[{0: "InternalFailure"}] * 5), "bus", pause=1, sleep=waits.append)
    with pytest.raises(PublishError):
        never.publish(envelopes(1))
    assert [low <= wait <= 2 * low for wait, low in zip(waits, (0.5, 1, 2, 4), strict=True)] == [True] * 4


def test_what_is_refused_to_the_end_is_named():
    with pytest.raises(PublishError, match=r"rejected 1 event.*T: InternalFailure: no") as caught:
        publish(Bus(*[{2: "InternalFailure"}] * 5))
    ((entry, code, _),) = caught.value.rejected
    assert (json.loads(entry["Detail"])["n"], code) == (2, "InternalFailure")


def test_what_never_will_pass_is_put_once_and_the_rest_gets_in():
    bus = Bus({0: "NotAuthorizedForDetailType", 1: "InternalFailure"})
    with pytest.raises(PublishError, match="NotAuthorizedForDetailType"):
        publish(bus)
    assert bus.calls == [[0, 1, 2], [1]]


def test_a_call_has_at_most_ten_entries():
    bus = Bus()
    publish(bus, count=21)
    assert [len(call) for call in bus.calls] == [10, 10, 1]


def test_a_call_has_at_most_one_mebibyte():
    bus = Bus()
    publish(bus, count=5, padding=400_000)
    assert bus.calls == [[0, 1], [2, 3], [4]]


def test_a_call_that_fails_does_not_keep_the_next_from_being_made():
    bus = Bus({0: "NotAuthorizedForSource"})
    with pytest.raises(PublishError):
        publish(bus, count=11)
    assert bus.calls[1] == [10]


# -- details of PutEvents ----------------------------------------------------------------------------------------------


def test_an_entry_names_its_bus():
    sent = []

    def put_events(Entries):  # noqa: N803
        sent.extend(Entries)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "x"}]}

    Publisher(SimpleNamespace(put_events=put_events), "shop").publish(envelopes(1))
    assert [(entry["EventBusName"], entry["Source"], entry["DetailType"]) for entry in sent] == [("shop", "t.t", "T")]


@pytest.mark.parametrize("code", ["InternalFailure", "InternalException", "ThrottlingException", "ServiceUnavailable"])
def test_an_entry_that_may_succeed_later_is_put_five_times(code):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html"""
    bus = Bus(*[{1: code}] * 4)
    assert len(publish(bus)) == 4
    assert bus.calls == [[0, 1, 2], [1], [1], [1], [1]]
    with pytest.raises(PublishError):
        publish(Bus(*[{1: code}] * 5))


def test_a_failure_names_each_entry_with_code_and_message():
    with pytest.raises(PublishError) as caught:
        publish(Bus({0: "NotAuthorizedForSource", 2: "InternalFailure"}, *[{2: "InternalFailure"}] * 4))
    assert str(caught.value) == (
        "EventBridge rejected 2 event(s): T: NotAuthorizedForSource: no; T: InternalFailure: no"
    )
    assert [(code, message) for _, code, message in caught.value.rejected] == [
        ("NotAuthorizedForSource", "no"),
        ("InternalFailure", "no"),
    ]


def test_a_failure_without_a_message_is_named():
    def put_events(Entries):  # noqa: N803
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "MalformedDetail"}]}

    with pytest.raises(PublishError, match=r"T: MalformedDetail: $"):
        Publisher(SimpleNamespace(put_events=put_events), "shop").publish(envelopes(1))


@pytest.mark.parametrize(("extra", "calls"), [(0, [[0, 1]]), (1, [[0], [1]])])
def test_a_call_is_full_at_one_mebibyte(extra, calls):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""
    events = envelopes(2)
    overhead = sum(entry_bytes(put_entry(event, "bus")) for event in events)
    for event in events:
        event["detail"]["p"] = "x" * ((1_048_576 - overhead) // 2)
    events[0]["detail"]["p"] += "x" * ((1_048_576 - overhead) % 2 + extra)
    bus = Bus()
    Publisher(bus, "bus").publish(events)
    assert bus.calls == calls


def test_nothing_is_put_for_no_events():
    bus = Bus()
    Publisher(bus, "bus").publish([])
    assert bus.calls == []


def test_the_publisher_of_a_function_is_that_of_its_bus(monkeypatch):
    publisher.cache_clear()
    monkeypatch.delenv("MILLRACE_BUS", raising=False)
    with pytest.raises(
        LookupError, match="MILLRACE_BUS is not set: the construct of a function that publishes sets it"
    ):
        publisher()
    monkeypatch.setenv("MILLRACE_BUS", "shop")
    bus = Bus()
    monkeypatch.setattr("boto3.client", lambda name, config: {"events": bus}[name])
    publisher().publish(envelopes(1))
    assert (len(bus.calls), publisher()._bus, publisher() is publisher()) == (1, "shop", True)
    publisher.cache_clear()
