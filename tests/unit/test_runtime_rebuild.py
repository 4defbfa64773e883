"""The calls of a projection by `millrace rebuild`, one by one."""

from types import SimpleNamespace

import pytest
from store_kit import JarView, Paid, keeps

from millrace.events import Metadata, encode
from millrace.runtime import rebuild as module
from millrace.runtime.dynamodb import pages
from millrace.runtime.read_models import Ledger, Pointer, Tables
from millrace.runtime.rebuild import RebuildError
from millrace.runtime.streams import Stored


class Store:
    """An event store with payments of 1, each at its position."""

    def __init__(self, jar, count, *, pending=False):
        self.jar, self.count, self.pending, self.moments = jar, count, pending, []

    def read_all(self, after):
        for position in range(after + 1, self.count + 1):
            metadata = Metadata.root(producer="test").model_copy(
                update={"stream": self.jar, "stream_version": position}
            )
            yield Stored(self.jar, position, encode(Paid(jar=self.jar, value=1).stamped(metadata)), position)

    def head(self):
        return self.count

    def pending_since(self, moment):
        self.moments.append(moment)
        return self.pending

    def with_data(self, stored):
        return stored.envelope


@pytest.fixture
def tables(table, monkeypatch):
    tables = Tables(table("jar"), table("jar"), Ledger(table("id")))
    monkeypatch.setattr(type(keeps), "tables", staticmethod(lambda: tables))
    return tables


@pytest.fixture
def stores(monkeypatch):
    """The event stores of the projection."""
    stores = [Store("a", 120), Store("b", 3)]
    monkeypatch.setattr(type(keeps), "stores", staticmethod(lambda: stores))
    return stores


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test moves: each reading takes `tick` seconds."""

    class Clock:
        now, tick = 0.0, 0.0

        def monotonic(self):
            self.now += self.tick
            return self.now

        def time_ns(self):
            return 1_700_000_000_123_456_789

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def rebuild(do, **more):
    return module.rebuild(keeps, {"do": do, **more})


def totals(table):
    return {item["jar"]: int(item["total"]) for item in table.scan()["Items"]}


def put(table, *rows):
    for row in rows:
        table.put_item(Item={**row.item(), "revision": 1})


def begun(tables):
    rebuild("begin")
    rebuild("clear")
    return tables.ledger.table.get_item(Key={"id": "$rebuild"})["Item"]


def test_a_rebuild_goes_step_by_step(tables, stores, clock):
    assert rebuild("status") == {"live": "blue", "candidate": "empty"}
    assert rebuild("begin") == {"live": "blue", "candidate": "clearing"}
    assert rebuild("clear") == {"cleared": 0, "done": True, "live": "blue", "candidate": "building"}
    assert rebuild("read") == {"folded": 123, "at": 123, "of": 123, "done": True}
    assert rebuild("finish") == {"live": "blue", "candidate": "built"}
    assert rebuild("swap") == {"live": "green", "candidate": "built"}
    assert rebuild("drop") == {"live": "green", "candidate": "empty"}
    assert (totals(tables.green), totals(tables.blue)) == ({"a": 120, "b": 3}, {})


def test_clearing_deletes_the_rows_and_marks_of_the_other_table_alone(tables, stores, clock):
    put(tables.blue, JarView(jar="x"))
    put(tables.green, JarView(jar="x"), JarView(jar="y"))
    for name in ("blue/stream/a", "green/stream/a", "green/event/e"):
        tables.ledger.table.put_item(Item={"id": name, "version": 1})
    rebuild("begin")
    assert rebuild("clear")["cleared"] == 4
    assert (totals(tables.blue), totals(tables.green)) == ({"x": 0}, {})
    assert {item["id"] for item in tables.ledger.table.scan()["Items"]} == {"$live", "$rebuild", "blue/stream/a"}


def test_a_rebuild_never_touches_the_live_table(tables, stores, clock):
    tables.ledger.point(Pointer("green", "empty"))
    put(tables.blue, JarView(jar="old"))
    put(tables.green, JarView(jar="live", total=7))
    for name in ("blue/stream/a", "green/stream/a"):
        tables.ledger.table.put_item(Item={"id": name, "version": 1})
    rebuild("begin")
    assert rebuild("clear") == {"cleared": 2, "done": True, "live": "green", "candidate": "building"}
    assert rebuild("read")["done"] is True
    assert (totals(tables.green), totals(tables.blue)) == ({"live": 7}, {"a": 120, "b": 3})
    rebuild("finish")
    compared = rebuild("compare")
    assert (compared["rows"], compared["shown"][0]["fields"]["total"]) == (1, ["7", None])
    assert rebuild("swap") == {"live": "blue", "candidate": "built"}


def test_a_table_is_scanned_to_its_last_page():
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Scan.html#Scan.Pagination"""
    found, requests = [{"Items": [1], "LastEvaluatedKey": {"k": 1}}, {"Items": [2]}], []
    table = SimpleNamespace(scan=lambda **request: requests.append(dict(request)) or found.pop(0))
    assert list(pages(table.scan, Limit=1)) == [1, 2]
    assert requests == [{"Limit": 1}, {"Limit": 1, "ExclusiveStartKey": {"k": 1}}]


def test_a_rebuild_stores_when_it_began_and_each_position(tables, stores, clock):
    assert begun(tables) == {"id": "$rebuild", "began": 1_700_000_000_123, "after": [0, 0]}
    rebuild("read")
    assert tables.ledger.table.get_item(Key={"id": "$rebuild"})["Item"]["after"] == [120, 3]
    assert [store.moments for store in stores] == [[1_700_000_000_123]] * 2


def test_clearing_stops_when_its_time_is_over(tables, stores, clock):
    put(tables.green, *(JarView(jar=f"j{number}") for number in range(9)))
    rebuild("begin")
    clock.tick = 5
    assert rebuild("clear") == {"cleared": 3, "done": False}
    assert (len(totals(tables.green)), rebuild("status")["candidate"]) == (6, "clearing")
    with pytest.raises(RebuildError):
        rebuild("read")
    clock.tick = 0
    assert rebuild("clear")["cleared"] == 6


def test_reading_stops_when_its_time_is_over_and_goes_on(tables, stores, clock):
    begun(tables)
    clock.tick = 6
    assert rebuild("read") == {"folded": 98, "at": 98, "of": 123, "done": False}
    assert totals(tables.green) == {"a": 98}
    clock.tick = 0
    assert rebuild("read") == {"folded": 25, "at": 123, "of": 123, "done": True}


def test_reading_is_not_done_while_events_are_pending(tables, stores, clock):
    begun(tables)
    stores[1].pending = True
    assert rebuild("read") == {"folded": 123, "at": 123, "of": 123, "done": False}


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("read", "No rebuild is in progress: start one with millrace rebuild."),
        ("finish", "The candidate table is empty, not building: start with millrace rebuild."),
        ("clear", "The candidate table is empty, not clearing: start with millrace rebuild."),
        ("swap", "The candidate table is empty: build it first, with millrace rebuild."),
        ("compare", "keeps has no candidate table: build one first."),
    ],
)
def test_a_step_out_of_order_is_refused(tables, stores, clock, do, reason):
    with pytest.raises(RebuildError) as caught:
        rebuild(do)
    assert str(caught.value) == reason
    assert rebuild("status") == {"live": "blue", "candidate": "empty"}


# -- comparing ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def built(tables, stores):
    tables.ledger.point(Pointer("blue", "built"))
    return tables


def test_equal_tables_have_no_differences(built):
    for side in (built.blue, built.green):
        put(side, JarView(jar="a", total=1))
    built.green.update_item(Key={"jar": "a"}, UpdateExpression="SET revision = :r", ExpressionAttributeValues={":r": 9})
    assert rebuild("compare") == {"rows": 1, "different": 0, "next": None, "shown": []}


def test_rows_that_differ_are_shown_with_the_value_of_each_table(built):
    put(built.blue, JarView(jar="a", total=1), JarView(jar="b"), JarView(jar="same"))
    put(built.green, JarView(jar="a", total=2, note="x"), JarView(jar="c", total=3), JarView(jar="same"))
    compared = rebuild("compare")
    shown = {each["key"]: each["fields"] for each in compared["shown"]}
    assert (compared["rows"], compared["different"]) == (3, 2)
    assert shown["a"] == {"note": ["None", "x"], "total": ["1", "2"]}
    assert shown["b"] == {"jar": ["b", None], "total": ["0", None]}


def test_the_reverse_shows_only_rows_that_the_live_table_lacks(built):
    put(built.blue, JarView(jar="a", total=1))
    put(built.green, JarView(jar="a", total=2), JarView(jar="c", total=3))
    compared = rebuild("compare", reverse=True)
    assert (compared["rows"], compared["different"]) == (2, 1)
    assert compared["shown"] == [{"key": "c", "fields": {"jar": [None, "c"], "total": [None, "3"]}}]


def test_a_comparison_shows_20_rows_of_a_page(built, monkeypatch):
    monkeypatch.setattr(module, "_PAGE", 130)
    put(built.blue, *(JarView(jar=f"j{number:03}") for number in range(131)))
    put(built.green, *(JarView(jar=f"j{number:03}") for number in range(0, 131, 2)))
    first = rebuild("compare")
    second = rebuild("compare", start=first["next"])
    assert (first["rows"], len(first["shown"])) == (130, 20)
    assert (second["rows"], second["next"]) == (1, None)
    assert first["different"] + second["different"] == 65
