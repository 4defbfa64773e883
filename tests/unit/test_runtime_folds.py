"""The handler of a projection: how it is invoked, its tables, and what it refuses."""

import importlib
import json

import pytest
from store_kit import Emptied, Paid

from millrace.events import Event, Metadata, encode
from millrace.runtime import SignatureError, View, event_store, projection
from millrace.runtime.folding import Folding, FoldInput, StreamGapError
from millrace.runtime.read_models import Ledger, Pointer, Tables, open_read_model
from millrace.runtime.streams import Stored, Streams


class Broken(Event, source="test.till"):
    value: int


class JarView(View, key="jar"):
    jar: str
    total: int = 0


class OtherView(View, key="jar"):
    jar: str


@projection
def keeps(event: Paid | Emptied, row: JarView | None) -> JarView | None:
    """The total of a jar."""
    if isinstance(event, Emptied):
        return OtherView(jar=event.jar)
    return JarView(jar=event.jar, total=(row.total if row else 0) + event.value)


def envelope(event, **metadata):
    return encode(event.stamped(Metadata.root(producer="test").model_copy(update=metadata)))


@pytest.fixture
def tables(table, monkeypatch):
    """The tables of the projection, as the environment names them."""
    made = {name: table("jar") for name in ("blue", "green")} | {"ledger": table("id")}
    monkeypatch.setattr("millrace.runtime.read_models.table_called", made.__getitem__)
    monkeypatch.setenv("MILLRACE_READ_MODEL", "blue,green,ledger")
    monkeypatch.delenv("MILLRACE_STORES", raising=False)
    return Tables(made["blue"], made["green"], Ledger(made["ledger"]))


def totals(table):
    return {item["jar"]: item["total"] for item in table.scan()["Items"]}


def test_a_projection_folds_an_event_into_each_table_that_it_maintains(tables, caplog):
    caplog.set_level("INFO")
    keeps(envelope(Paid(jar="a", value=2)), None)
    tables.ledger.point(Pointer("blue", "building"))
    keeps(envelope(Paid(jar="a", value=3)), None)
    assert (totals(tables.blue), totals(tables.green)) == ({"a": 5}, {"a": 3})
    logged = [record.flow for record in caplog.records if record.message == "event handled"]
    assert [(flow["event"], flow["attempt"], flow["published"]) for flow in logged] == [("Paid", 1, [])] * 2


def test_a_projection_answers_a_queue_with_what_failed(tables, caplog):
    records = [
        {"messageId": name, "body": json.dumps(envelope(event)), "attributes": {"ApproximateReceiveCount": "3"}, **SQS}
        for name, event in (("m-1", Paid(jar="a", value=2)), ("m-2", Emptied(jar="a")))
    ]
    assert keeps({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "m-2"}]}
    (failure,) = (record.flow for record in caplog.records if record.message == "event failed")
    assert (failure["event"], failure["attempt"]) == ("Emptied", 3)
    assert failure["error"] == {"type": "TypeError", "message": "keeps returned OtherView, but its rows are JarView."}


SQS = {"messageAttributes": {}, "eventSource": "aws:sqs"}


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (
            envelope(Broken(value=1)),
            "keeps takes Paid, Emptied, but received 'Broken' from 'test.till': check the rules",
        ),
        ({**envelope(Paid(jar="a", value=1)), "source": "x"}, "received 'Paid' from 'x'"),
        ({}, "received '' from ''"),
    ],
)
def test_an_event_that_no_rule_should_deliver_is_quarantined(tables, quarantined, sent, reason):
    keeps(sent, None)
    assert reason in quarantined[0]["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]
    assert totals(tables.blue) == {}


def test_a_missing_environment_names_the_construct(monkeypatch):
    monkeypatch.delenv("MILLRACE_READ_MODEL", raising=False)
    with pytest.raises(LookupError, match="MILLRACE_READ_MODEL is not set: give the construct tables="):
        keeps(envelope(Paid(jar="a", value=1)), None)


def test_a_rebuild_is_passed_on(monkeypatch):
    calls = []
    monkeypatch.setattr(
        importlib.import_module("millrace.runtime.projection"),
        "rebuild",
        lambda *given: calls.append(given) or {"state": "x"},
    )
    assert keeps({"rebuild": {"step": "start"}}, None) == {"state": "x"}
    assert calls == [(keeps, {"step": "start"})]


# -- gaps of a stream ----------------------------------------------------------------------------------------------


class Store:
    """A store with the payments 1 to 5 of one stream."""

    def __init__(self, stream="jar-a"):
        self.stream = stream

    def read(self, stream, after, until):
        if stream != self.stream:
            return
        for version in range(after + 1, until + 1):
            yield stored(version)

    def with_data(self, found):
        return found.envelope


def stored(version, event=None):
    return Stored(
        "jar-a", version, envelope(event or Paid(jar="a", value=version), stream="jar-a", stream_version=version)
    )


def test_events_that_are_missing_are_read_from_the_store_that_has_them(tables, monkeypatch):
    monkeypatch.setattr(type(keeps), "stores", staticmethod(lambda: [Store("jar-b"), Store()]))
    keeps(stored(5).envelope, None)
    assert totals(tables.blue) == {"a": 1 + 2 + 3 + 4 + 5}


def test_a_gap_that_no_store_fills_names_the_projection(tables):
    with pytest.raises(LookupError, match="No event store of keeps has the events between them: pass the event store"):
        keeps(stored(5).envelope, None)


def test_the_stores_are_those_of_the_environment(monkeypatch):
    opened = []
    monkeypatch.setattr(Streams, "at", classmethod(lambda _, address: opened.append(address) or address))
    monkeypatch.setenv("MILLRACE_STORES", "one,two/bucket,")
    assert keeps.stores() == opened == ["one", "two/bucket"]
    monkeypatch.delenv("MILLRACE_STORES")
    assert keeps.stores() == []


def test_an_event_of_a_store_that_a_projection_does_not_take_only_counts():
    known, unknown = (keeps.input_of(Store(), stored(2, event)) for event in (None, Broken(value=1)))
    assert (known.event, known.stream, known.version) == (Paid(jar="a", value=2), "jar-a", 2)
    assert (unknown.event, unknown.stream, unknown.version) == (None, "jar-a", 2)


# -- signatures ----------------------------------------------------------------------------------------------------


def test_a_projection_declares_its_events_and_its_view():
    known = keeps.declaration
    assert (known.name, known.module, known.attribute) == ("keeps", __name__, "keeps")
    assert (known.consumes, known.publishes, keeps.view) == ((Paid, Emptied), (), JarView)
    assert (known.inputs[0].name, known.repeatable) == (
        "event",
        "the ledger of the projection marks the events that it has folded",
    )
    assert (keeps.__doc__, keeps.__name__) == ("The total of a jar.", "keeps")


def test_a_projection_is_declared_by_its_function():
    def handler(paid: Paid, row: JarView | None) -> JarView | None: ...

    known = projection(handler).declaration
    assert (known.name, known.module, known.attribute.rpartition(".")[2]) == ("handler", __name__, "handler")
    assert [(taken.name, taken.events) for taken in known.inputs] == [("paid", (Paid,))]
    assert (known.publishes, known.tables, known.once_per) == ((), (), None)


def test_a_view_has_a_key_and_no_field_of_the_kit():
    class Good(View, key="name"):
        name: str

    assert Good.key == "name"
    with pytest.raises(TypeError, match="Bad has a field 'revision', a name that Millrace uses: rename the field"):

        class Bad(View, key="name"):
            name: str
            revision: int

    with pytest.raises(TypeError, match="Number has the key 'name', but no such field of type str: add name: str"):

        class Number(View, key="name"):
            name: int


def test_the_stores_and_read_models_of_a_parameter_are_those_of_its_variable(monkeypatch):
    monkeypatch.setenv("MILLRACE_STORE_ORDERS", "orders/data")
    monkeypatch.setenv("MILLRACE_READ_MODEL_JARS", "blue,green,ledger")
    monkeypatch.setattr(Streams, "at", classmethod(lambda _, address: address))
    monkeypatch.setattr("millrace.runtime.read_models.table_called", lambda name: f"table {name}")
    monkeypatch.setattr("millrace.runtime.event_store.EventStore", lambda *given, **named: (given, named))
    assert event_store.open_store("orders", JarView, "effect") == (("orders/data", JarView), {"effect": "effect"})
    opened = open_read_model("jars", JarView)
    assert (opened._view, opened._tables.blue, opened._tables.green) == (JarView, "table blue", "table green")
    assert opened._tables.ledger.table == "table ledger"


def one(event: Paid) -> JarView | None: ...
def no_hint(event, row: JarView | None) -> JarView | None: ...
def no_return(event: Paid, row: JarView | None): ...
def no_event(event: str, row: JarView | None) -> JarView | None: ...
def event_or_text(event: Paid | str, row: JarView | None) -> JarView | None: ...
def other(event: Paid, row: JarView | None) -> OtherView | None: ...
def no_none(event: Paid, row: JarView) -> JarView | None: ...
def two(event: Paid, row: JarView | OtherView | None) -> JarView | None: ...
def no_key(event: Broken, row: JarView | None) -> JarView | None: ...


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (one, "one is a projection: write def handler"),
        (no_hint, "is a projection: write def handler"),
        (no_return, "is a projection: write def handler"),
        (no_event, "a projection takes events and a row of one View, and returns a row of this View"),
        (event_or_text, "a projection takes events and a row of one View"),
        (other, "a projection takes events and a row of one View"),
        (no_none, "as the type of its row: write a View with a key"),
        (two, "as the type of its row: write a View with a key"),
        (no_key, "the key of JarView is 'jar', but Broken has no such field"),
    ],
)
def test_what_a_projection_cannot_mean_is_refused(function, reason):
    with pytest.raises(SignatureError, match=reason):
        projection(function)


def test_a_gap_names_the_missing_events(tables):
    with pytest.raises(StreamGapError) as caught:
        Folding("blue", tables, JarView, keeps.fold).apply([FoldInput(Paid(jar="a", value=5), "jar-a", 5)])
    assert (caught.value.stream, caught.value.after, caught.value.until) == ("jar-a", 0, 4)
