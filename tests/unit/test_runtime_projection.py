"""Projections: events folded into rows, once each and in the order of their streams, on whichever side is kept."""

import re

import pytest
from store_kit import CoinDropped, Emptied, Paid, make_table

from millrace.events import Metadata
from millrace.runtime import EventStore, ReadModel, SignatureError, View, projection
from millrace.runtime.folding import FoldInput
from millrace.runtime.read_models import Ledger, Pointer, Tables
from millrace.runtime.rebuild import RebuildError, rebuild
from millrace.runtime.streams import ConcurrencyError, Streams


class JarView(View, key="jar"):
    jar: str
    total: int = 0
    values: tuple[int, ...] = ()
    share: float | None = None


@projection
def keeps(event: Paid | Emptied, row: JarView | None) -> JarView | None:
    if isinstance(event, Emptied):
        return None
    seen = row or JarView(jar=event.jar)
    return seen.model_copy(update={"total": seen.total + event.value, "values": (*seen.values, event.value)})


@pytest.fixture
def tables(table):
    return Tables(table("jar"), table("jar"), Ledger(table("id")))


@pytest.fixture
def store(dynamodb, monkeypatch):
    made = make_table(dynamodb, "till")
    monkeypatch.setattr(type(keeps), "stores", staticmethod(lambda: [Streams(made)]))
    yield Till(made)
    made.delete()


@pytest.fixture
def own(tables, monkeypatch):
    """The projection with its own tables, as its construct names them."""
    monkeypatch.setattr(type(keeps), "tables", staticmethod(lambda: tables))
    return tables


class Till:
    """An event store of payments, each jar a stream."""

    class Payments:
        def apply(self, event: Paid | Emptied) -> None: ...

    def __init__(self, table):
        self.streams = Streams(table)
        self._store = EventStore(table, self.Payments)

    def pay(self, *values, jar="a"):
        return self._store.update(jar, lambda _: [Paid(jar=jar, value=value) for value in values])

    def publish(self):
        self.streams.assign_positions(list(self.streams.pending()))


def inputs(*values, jar="a"):
    """Events of no stream."""
    return [FoldInput.of(Paid(jar=jar, value=value).stamped(Metadata.root(producer="test"))) for value in values]


def rows(tables, side="blue"):
    return {item["jar"]: JarView.of(item).values for item in tables.table(side).scan()["Items"]}


def test_a_projection_is_a_function_from_an_event_and_a_row_to_the_row_that_follows():
    assert keeps(Paid(jar="a", value=2), None) == JarView(jar="a", total=2, values=(2,))
    assert keeps(Emptied(jar="a"), JarView(jar="a", total=2)) is None


def test_row_results_from_its_events(tables):
    keeps.apply(tables, "blue", inputs(1, 2) + inputs(3, jar="b"))
    assert rows(tables) == {"a": (1, 2), "b": (3,)}
    assert ReadModel(JarView, tables).get("a") == JarView(jar="a", total=3, values=(1, 2))


def test_redelivered_event_is_folded_once(tables):
    events = inputs(1, 2)
    keeps.apply(tables, "blue", [*events, events[0]])
    keeps.apply(tables, "blue", events)
    assert rows(tables) == {"a": (1, 2)}


def test_none_deletes_the_row(tables):
    keeps.apply(tables, "blue", inputs(1))
    keeps.apply(tables, "blue", [FoldInput.of(Emptied(jar="a").stamped(Metadata.root(producer="test")))])
    assert rows(tables) == {}


def test_what_a_row_holds_comes_back_as_it_was(tables):
    row = JarView(jar="a", share=0.25)
    assert JarView.of({**row.item(), "revision": 7}) == row


def test_events_of_a_stream_are_folded_in_order_although_a_later_one_arrives_first(tables, store):
    first, second, third = (FoldInput.of(event) for event in store.pay(1, 2, 3))
    keeps.apply(tables, "blue", [third])
    keeps.apply(tables, "blue", [second])
    keeps.apply(tables, "blue", [first])
    assert rows(tables) == {"a": (1, 2, 3)}


def test_a_read_model_returns_the_version_of_a_stream(tables, store):
    keeps.apply(tables, "blue", [FoldInput.of(event) for event in store.pay(1, 2)])
    assert ReadModel(JarView, tables).version("a") == 2
    assert ReadModel(JarView, tables).version("b") == 0


def test_missing_events_that_no_store_has_raise_an_error(tables, store):
    lost = FoldInput(store.pay(1)[0], stream="elsewhere", version=3)
    with pytest.raises(LookupError, match=r"elsewhere is read up to version 0.*stores=\[…\]"):
        keeps.apply(tables, "blue", [lost])


def test_concurrent_write_is_not_overwritten(tables, monkeypatch):
    folds = []

    def meddled(event, row):
        if not folds:
            folds.append(1)
            keeps.apply(tables, "blue", inputs(5))
        return keeps.function(event, row)

    meddling = type(keeps)(keeps.function)
    monkeypatch.setattr(meddling, "fold", meddled)
    meddling.apply(tables, "blue", inputs(6))
    assert sorted(rows(tables)["a"]) == [5, 6]


def test_row_that_is_deleted_and_created_again_between_read_and_write_loses_no_event(tables):
    others = [FoldInput.of(Emptied(jar="a").stamped(Metadata.root(producer="test"))), *inputs(5)]

    @projection
    def overtaken(event: Paid | Emptied, row: JarView | None) -> JarView | None:
        while others:
            keeps.apply(tables, "blue", [others.pop(0)])
        return keeps(event, row)

    keeps.apply(tables, "blue", inputs(1))
    overtaken.apply(tables, "blue", inputs(2))
    assert rows(tables) == {"a": (5, 2)}


def test_fold_that_always_conflicts_raises_an_error(tables, monkeypatch):
    monkeypatch.setattr("millrace.runtime.folding.transact", lambda *_: ["ConditionalCheckFailed"])
    monkeypatch.setattr("millrace.runtime.folding.time.sleep", lambda _: None)
    with pytest.raises(ConcurrencyError, match="1 events could not be folded into JarView"):
        keeps.apply(tables, "blue", inputs(6))


def test_a_projection_cannot_change_another_row(tables):
    @projection
    def wanders(event: Paid, row: JarView | None) -> JarView | None:
        return JarView(jar="elsewhere")

    with pytest.raises(ValueError, match="The projection returned the row of jar 'elsewhere' for an event of 'a'"):
        wanders.apply(tables, "blue", inputs(1))


# -- what is declared ------------------------------------------------------------------------------------------------


def nothing(event, row): ...


@pytest.mark.parametrize(
    ("hints", "reason"),
    [
        ({"event": Paid}, "is a projection: write def handler"),
        ({"event": Paid, "row": JarView, "return": JarView | None}, "write a View with a key, '| None'"),
        ({"event": int, "row": JarView | None, "return": JarView | None}, "takes events and a row of one View"),
        ({"event": CoinDropped, "row": JarView | None, "return": JarView | None}, "CoinDropped has no such field"),
    ],
)
def test_invalid_signature_of_a_projection_is_rejected_with_the_fix(hints, reason):
    nothing.__annotations__ = hints
    with pytest.raises(SignatureError, match=re.escape(reason)):
        projection(nothing)


def test_a_view_names_the_field_that_is_its_key():
    with pytest.raises(TypeError, match="Nameless has the key 'name', but no such field"):

        class Nameless(View, key="name"):
            jar: str


# -- rebuilding ------------------------------------------------------------------------------------------------------


def built(own):
    """Build the other side to its end."""
    for step in ("begin", "clear"):
        rebuild(keeps, {"do": step})
    while not rebuild(keeps, {"do": "read"})["done"]:
        pass
    return rebuild(keeps, {"do": "finish"})


def compared():
    answers = [rebuild(keeps, {"do": "compare", "reverse": reverse}) for reverse in (False, True)]
    return [shown for answer in answers for shown in answer["shown"]]


@pytest.fixture
def live(own, store):
    """A live side that has folded three payments."""
    keeps.apply(own, "blue", [FoldInput.of(event) for event in (*store.pay(1, 2), *store.pay(3, jar="b"))])
    store.publish()
    return own


def test_rebuilt_table_equals_the_live_one(live):
    assert built(live) == {"live": "blue", "candidate": "built"}
    assert rows(live, "green") == rows(live) == {"a": (1, 2), "b": (3,)}
    assert compared() == []


def test_what_differs_is_named_with_both_values(live):
    built(live)
    live.green.put_item(Item={**JarView(jar="a", total=9, values=(1, 2)).item(), "revision": 1})
    live.green.delete_item(Key={"jar": "b"})
    live.green.put_item(Item={**JarView(jar="c").item(), "revision": 1})
    differences = {each["key"]: each["fields"] for each in compared()}
    assert differences["a"] == {"total": ["3", "9"]}
    assert differences["b"]["total"] == ["3", None]
    assert differences["c"]["total"] == [None, "0"]


def test_readers_follow_a_swap_and_a_roll_back(live):
    built(live)
    live.green.put_item(Item={**JarView(jar="a", total=9).item(), "revision": 1})
    found = []
    for _ in range(2):
        rebuild(keeps, {"do": "swap"})
        found.append(ReadModel(JarView, live).get("a").total)
    assert found == [9, 3]


def test_both_tables_are_written_while_there_are_two(live):
    assert Pointer("blue", "built").written == Pointer("blue", "building").written == ["blue", "green"]
    assert Pointer("green", "empty").written == Pointer("green", "clearing").written == ["green"]


def test_what_was_there_before_is_cleared(live):
    live.green.put_item(Item={**JarView(jar="old").item(), "revision": 1})
    live.ledger.table.put_item(Item={"id": "green/stream/a", "version": 2})
    built(live)
    assert rows(live, "green") == rows(live)


def test_a_rebuild_is_not_done_before_what_was_appended_is_published(live, store):
    store.pay(4)
    for step in ("begin", "clear"):
        rebuild(keeps, {"do": step})
    assert rebuild(keeps, {"do": "read"})["done"] is False
    store.publish()
    assert rebuild(keeps, {"do": "read"})["done"] is True
    assert rows(live, "green")["a"] == (1, 2, 4)


def test_interrupted_rebuild_continues(live, store, monkeypatch):
    for step in ("begin", "clear"):
        rebuild(keeps, {"do": step})
    rebuild(keeps, {"do": "read"})
    store.pay(4)
    store.publish()
    assert rebuild(keeps, {"do": "read"}) == {"folded": 1, "at": 4, "of": 4, "done": True}


@pytest.mark.parametrize("step", ["compare", "swap", "finish", "read"])
def test_without_a_second_side_there_is_nothing_to_do(own, store, step):
    with pytest.raises(RebuildError):
        rebuild(keeps, {"do": step})


def test_dropped_table_is_neither_written_nor_swapped(live):
    built(live)
    rebuild(keeps, {"do": "drop"})
    for step in ("read", "swap", "compare"):
        with pytest.raises(RebuildError):
            rebuild(keeps, {"do": step})
    assert live.ledger.pointer() == Pointer("blue", "empty")
