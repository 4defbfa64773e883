"""PutEvents, until every entry is in."""

import json

import pytest

from millrace.runtime import Publisher, PublishFailed


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
    with pytest.raises(PublishFailed):
        never.publish(envelopes(1))
    assert [low <= wait <= 2 * low for wait, low in zip(waits, (0.5, 1, 2, 4), strict=True)] == [True] * 4


def test_what_is_refused_to_the_end_is_named():
    with pytest.raises(PublishFailed, match=r"refused 1 event.*T: InternalFailure: no") as caught:
        publish(Bus(*[{2: "InternalFailure"}] * 5))
    ((entry, code, _),) = caught.value.refused
    assert (json.loads(entry["Detail"])["n"], code) == (2, "InternalFailure")


def test_what_never_will_pass_is_put_once_and_the_rest_gets_in():
    bus = Bus({0: "NotAuthorizedForDetailType", 1: "InternalFailure"})
    with pytest.raises(PublishFailed, match="NotAuthorizedForDetailType"):
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
    with pytest.raises(PublishFailed):
        publish(bus, count=11)
    assert bus.calls[1] == [10]
