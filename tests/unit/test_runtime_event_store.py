"""An event store: appending, loading, deciding again, snapshots, and the order of all events."""

import pytest
from store_kit import CoinCounted, CoinDropped, Jar, JarEmptied, make_table

from millrace.events import Event, Metadata
from millrace.runtime import ConcurrencyError, EventStore, SignatureError, event_store
from millrace.runtime.effects import Effect
from millrace.runtime.event_store import ForeignEventError, events_of
from millrace.runtime.stream_items import RUN
from millrace.runtime.streams import Stored, Streams


class Broken(Event, source="test.jar"):
    pass


@pytest.fixture
def table(dynamodb):
    made = make_table(dynamodb)
    yield made
    made.delete()


@pytest.fixture
def jars(table):
    return EventStore(table, Jar)


@pytest.fixture
def streams(table):
    return Streams(table)


@pytest.fixture
def handling(table):
    """The store as a handler is given it, for the handling of one event."""
    cause = Metadata.root(producer="a test")
    return lambda: EventStore(table, Jar, effect=Effect(cause, "drop_coin"))


def drop(*values):
    return lambda jar: [jar.drop(value) for value in values]


def test_what_an_aggregate_decides_is_what_it_is_made_of_next_time(jars):
    jars.update("a", drop(2, 3))
    jars.update("a", drop(5))
    assert jars.load("a") == (Jar(total=10, coins=3), 3)


def test_a_new_stream_is_an_aggregate_of_which_nothing_is_known(jars):
    assert jars.load("a") == (Jar(), 0)


def test_streams_do_not_know_of_one_another(jars):
    jars.update("a", drop(1))
    jars.update("b", drop(2))
    assert [list(jars.read(stream)) for stream in "ab"] == [[CoinDropped(value=1)], [CoinDropped(value=2)]]


def test_an_event_knows_its_stream_and_its_version_there(jars):
    (first, second) = jars.update("a", drop(1, 2))
    assert [(e.metadata.stream, e.metadata.stream_version) for e in (first, second)] == [("a", 1), ("a", 2)]
    assert [e.metadata for e in jars.read("a")] == [first.metadata, second.metadata]


def test_what_is_appended_is_the_effect_of_what_is_handled(handling):
    store = handling()
    (dropped,) = store.update("a", drop(1))
    assert dropped.metadata.causation_id == store._effect.cause.event_id
    assert (dropped.metadata.producer, dropped.metadata.hops) == ("drop_coin", 1)


def test_append_to_an_older_version_raises_and_appends_nothing(jars):
    jars.update("a", drop(1, 2))
    with pytest.raises(ConcurrencyError, match="a is no longer at version 1"):
        jars.append("a", [CoinDropped(value=9), JarEmptied()], expected=1)
    assert jars.load("a")[1] == 2


def test_append_to_a_future_version_raises(jars):
    with pytest.raises(ConcurrencyError):
        jars.append("a", [CoinDropped(value=9)], expected=3)
    assert list(jars.read("a")) == []


def test_a_conflict_is_decided_anew_with_fresh_state(table, jars):
    seen = []

    def decide(jar):
        if not seen:
            EventStore(table, Jar).update("a", drop(100))
        seen.append(jar.total)
        return jar.drop(jar.total + 1)

    assert jars.update("a", decide) == [CoinDropped(value=101)]
    assert seen == [0, 100]


def test_update_that_always_conflicts_raises(table):
    def decide(jar):
        EventStore(table, Jar).update("a", drop(1))
        return jar.drop(2)

    with pytest.raises(ConcurrencyError):
        EventStore(table, Jar, attempts=2).update("a", decide)


def test_handling_an_event_again_appends_nothing_and_returns_the_same_events(handling):
    first = handling().update("a", drop(1))
    again = handling().update("a", drop(1))
    assert [e.metadata for e in first] == [e.metadata for e in again]
    assert handling().load("a") == (Jar(total=1, coins=1), 1)


def test_two_decisions_in_one_handling_are_two_and_stay_two(handling):
    for _ in range(2):
        store = handling()
        store.update("a", drop(1))
        store.update("a", drop(2))
        assert store.load("a") == (Jar(total=3, coins=2), 2)


def test_an_event_of_an_older_version_is_brought_up_when_it_is_read(jars, streams):
    old = Metadata.root(producer="old", version=1).model_dump(mode="json", exclude_none=True)
    detail = {"metadata": old, "data": {"value": 3}}
    streams.append([Stored("a", 1, {"source": "test.jar", "detail-type": "CoinCounted", "detail": detail})])
    assert list(jars.read("a")) == [CoinCounted(value=3, currency="EUR")]


def test_aggregate_can_return_only_events_that_it_applies(jars):
    with pytest.raises(ForeignEventError, match=r"Jar returned Broken.*add it to the annotation of Jar\.apply"):
        jars.update("a", lambda _: Broken())


def test_stored_event_that_the_aggregate_does_not_declare_raises(jars, streams):
    streams.append([Stored("a", 1, {"source": "test.jar", "detail-type": "Broken", "detail": {}})])
    with pytest.raises(ForeignEventError, match=r"a has Broken of test\.jar at version 1"):
        jars.load("a")


@pytest.mark.parametrize("stream", ["$log", ""])
def test_reserved_stream_name_is_rejected(jars, stream):
    with pytest.raises(ValueError, match="does not start with"):
        jars.update(stream, drop(1))


def test_what_does_not_fit_one_transaction_is_refused(jars):
    with pytest.raises(ValueError, match="99 events for a exceed one append: append at most 98"):
        jars.update("a", drop(*range(99)))
    assert len(jars.update("a", drop(*range(98)))) == 98


@pytest.mark.parametrize("annotation", [None, int, CoinDropped | int])
def test_the_annotation_of_apply_declares_the_events_of_a_stream(annotation):
    class Odd:
        def apply(self, event): ...

    if annotation:
        Odd.apply.__annotations__["event"] = annotation
    with pytest.raises(SignatureError, match=r"Odd\.apply takes"):
        events_of(Odd)


# -- snapshots -------------------------------------------------------------------------------------------------------


def test_a_snapshot_spares_reading_what_it_holds(jars, streams, monkeypatch):
    monkeypatch.setattr(event_store, "SNAPSHOT_EVERY", 4)
    jars.update("a", drop(1, 2, 3))
    jars.update("a", drop(4, 5))
    streams._table.delete_item(Key={"stream": "a", "version": 1})
    assert jars.load("a") == (Jar(total=15, coins=5), 5)


def test_a_snapshot_by_other_code_does_not_count(jars, streams, monkeypatch):
    monkeypatch.setattr(event_store, "SNAPSHOT_EVERY", 2)
    jars.update("a", drop(1, 2))
    monkeypatch.setattr(event_store, "schema_of", lambda _: "other code")
    streams._table.delete_item(Key={"stream": "a", "version": 1})
    assert jars.load("a") == (Jar(total=2, coins=1), 2)


# -- the order of all events -----------------------------------------------------------------------------------------


def placed(streams, *names):
    """Append an event to each stream, and publish them in this order."""
    for name in names:
        EventStore(streams._table, Jar).update(name, drop(1))
        streams.assign_positions(list(streams.pending()))


def order(streams, after=0):
    return [(stored.position, stored.stream, stored.version) for stored in streams.read_all(after)]


def test_all_events_are_read_in_the_order_in_which_they_were_published(streams):
    placed(streams, "b", "a", "b")
    assert order(streams) == [(1, "b", 1), (2, "a", 1), (3, "b", 2)]
    assert order(streams, after=2) == [(3, "b", 2)]


def test_what_is_not_published_has_no_position(streams, jars):
    jars.update("a", drop(1))
    assert order(streams) == []
    assert [stored.stream for stored in streams.pending()] == ["a"]


def test_a_position_is_given_once(streams, jars):
    jars.update("a", drop(1, 2))
    pending = list(streams.pending())
    streams.assign_positions(pending[:1])
    streams.assign_positions(pending)
    streams.assign_positions(pending)
    assert order(streams) == [(1, "a", 1), (2, "a", 2)]
    assert streams.head() == 2


def test_nothing_is_read_behind_a_gap(streams, jars):
    placed(streams, "a", "b", "c")
    streams._table.delete_item(Key={"stream": "b", "version": 1})
    assert order(streams) == [(1, "a", 1)]


def test_positions_go_on_from_one_partition_of_the_index_to_the_next(streams):
    streams._table.put_item(Item={"stream": "$log", "version": 0, "last": RUN - 2})
    placed(streams, "a", "b", "c")
    assert [position for position, _, _ in order(streams, after=RUN - 2)] == [RUN - 1, RUN, RUN + 1]
