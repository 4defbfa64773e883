"""Handlers of lists: killed at every call of AWS's APIs, and given the events again in another order."""

import importlib
import json
from collections import Counter
from types import SimpleNamespace

import boto3
import pytest
from store_kit import Jar, Kills, make_table

from millrace.events import Event, Metadata, encode
from millrace.runtime import EventStore, UnknownCauseError, processor
from millrace.runtime.dynamodb_records import DynamoDBRecords


class CoinThrown(Event, source="test.hand"):
    jar: str
    value: int


class CoinSeen(Event, source="test.eye"):
    value: int


@processor(repeatable="each append is marked with its cause")
def drops(coins: list[CoinThrown], jars: EventStore[Jar]) -> None:
    for coin in coins:
        jars.update(coin.jar, lambda jar, coin=coin: jar.drop(coin.value), cause=coin)


@processor
def sees(coins: list[CoinThrown]) -> list[CoinSeen]:
    return [CoinSeen(value=coin.value).caused_by(coin) for coin in coins]


@processor(repeatable="its events have the same ids again")
def sees_again(coins: list[CoinThrown]) -> list[CoinSeen]:
    return sees(coins)


@pytest.fixture
def kills(monkeypatch):
    return Kills(monkeypatch)


@pytest.fixture
def sent(monkeypatch, kills):
    """The envelopes that handlers publish."""
    sent = []
    publish = SimpleNamespace(publish=lambda new: kills.call("PutEvents", lambda: sent.extend(new)))
    monkeypatch.setattr(importlib.import_module("millrace.runtime.processor"), "publisher", lambda: publish)
    return sent


@pytest.fixture
def jars(dynamodb, monkeypatch):
    """The store of the handlers."""
    made = make_table(dynamodb, "thrown")
    monkeypatch.setenv("MILLRACE_STORE_JARS", "thrown")
    monkeypatch.setattr("millrace.runtime.streams.table_called", dynamodb.Table)
    yield EventStore(made, Jar)
    made.delete()


@pytest.fixture
def recorded(marks, monkeypatch):
    """Records of handled events in DynamoDB, which a killed function does not hold."""
    client = boto3.client("dynamodb", region_name="eu-central-2")
    known = DynamoDBRecords(table=marks.name, scope="Shop/Test", seconds=60, client=client)
    monkeypatch.setattr("millrace.runtime.idempotency.records", lambda: known)


def thrown(count, jar="a", **known):
    root = Metadata.root(producer="test").model_copy(update=known)
    return [
        CoinThrown(jar=jar, value=2**number).stamped(root.model_copy(update={"event_id": f"{jar}-{number}"}))
        for number in range(count)
    ]


def batch(coins):
    """Messages of a queue."""
    bodies = [json.dumps(encode(coin)) for coin in coins]
    return {"Records": [{"messageId": f"{number}", "body": body} for number, body in enumerate(bodies)]}


@pytest.mark.parametrize("before", [True, False])
def test_each_append_happens_once_when_its_list_comes_again_in_other_batches(jars, kills, before):
    for number in range(1, 99):
        coins = thrown(3, jar=f"jar-{number}")
        kills.at(number, before=before)
        killed = kills.happens(lambda: drops(batch(coins), None))  # noqa: B023 - it is called here
        for again in (coins[:0:-1], coins[:1]):
            assert drops(batch(again), None) == {"batchItemFailures": []}
        assert jars.load(f"jar-{number}") == (Jar(total=7, coins=3), 3), f"killed at call {number}"
        if not killed:
            break
    assert number > 3 * 4


def test_an_append_has_the_event_of_the_list_that_it_names_as_its_cause(jars):
    coins = thrown(2)
    drops(batch(coins), None)
    assert [event.metadata.causation_id for event in jars.read("a")] == ["a-0", "a-1"]


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (None, r"handles a list of events and does not name.*write update\('a', …, cause=event\)"),
        (thrown(3)[2], "names CoinThrown a-2 as the cause of an append to 'a', but is not handling that event"),
    ],
)
def test_a_list_handler_names_an_event_of_its_list_as_the_cause_of_an_append(jars, cause, error):
    @processor(repeatable="a test")
    def handler(coins: list[CoinThrown], jars: EventStore[Jar]) -> None:
        jars.update("a", lambda jar: jar.drop(1), cause=cause)

    with pytest.raises(UnknownCauseError, match=error):
        handler.handle([encode(coin) for coin in thrown(2)], 1)
    assert list(jars.read("a")) == []


def test_a_list_handler_names_the_cause_of_each_event_that_it_returns(sent):
    @processor(repeatable="a test")
    def handler(coins: list[CoinThrown]) -> CoinSeen:
        return CoinSeen(value=1)

    with pytest.raises(UnknownCauseError, match=r"write CoinSeen\(…\)\.caused_by\(event\), with an event of the list"):
        handler.handle([encode(coin) for coin in thrown(1)], 1)
    assert sent == []


def ids(envelopes):
    """The ids under which each value was published."""
    found = {}
    for envelope in envelopes:
        found.setdefault(envelope["detail"]["data"]["value"], set()).add(envelope["detail"]["metadata"]["event_id"])
    return found


def test_events_of_a_list_have_the_same_ids_when_it_comes_again_in_other_batches(sent):
    coins = thrown(4)
    for again in (coins, coins[::-1], coins[2:], coins[1:2]):
        sees_again(batch(again), None)
    assert {value: len(known) for value, known in ids(sent).items()} == {1: 1, 2: 1, 4: 1, 8: 1}
    assert [envelope["detail"]["metadata"]["causation_id"] for envelope in sent[:4]] == [f"a-{n}" for n in range(4)]


@pytest.mark.parametrize(("transaction", "before"), [(1, False), (2, True)])
def test_a_list_of_more_than_a_hundred_events_is_published_under_one_id_each(
    sent, recorded, kills, transaction, before
):
    coins = thrown(120)
    kills.at(transaction, before=before, operation="TransactWriteItems")
    assert kills.happens(lambda: sees(batch(coins), None))
    for again in (coins[:50:-1], coins[:51]):
        assert sees(batch(again), None) == {"batchItemFailures": []}
    assert Counter(map(len, ids(sent).values())) == {1: 120}


def test_a_list_that_is_recorded_is_handled_a_hundred_events_at_a_time(sent):
    lengths = []

    def handler(coins: list[CoinThrown]) -> None:
        lengths.append(len(coins))
        if len(coins) < 100:
            raise RuntimeError("too few")

    failed = processor(handler)(batch(thrown(120)), None)["batchItemFailures"]
    processor(repeatable="a test")(handler)(batch(thrown(120)), None)
    assert lengths == [100, 20, 120]
    assert [failure["itemIdentifier"] for failure in failed] == [str(number) for number in range(100, 120)]


def test_an_append_happens_once_for_each_business_key(jars, kills, recorded):
    @processor(once_per="jar")
    def handler(coin: CoinThrown, jars: EventStore[Jar]) -> None:
        jars.update(coin.jar, lambda jar: jar.drop(coin.value))

    first, second = thrown(2)
    kills.at(1, before=False, operation="TransactWriteItems")
    assert kills.happens(lambda: handler(batch([first]), None))
    handler(batch([second]), None)
    assert jars.load("a") == (Jar(total=1, coins=1), 1)
