"""Compatibility of contracts: the consumers that a change breaks."""

import importlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from functions.contracts.orders import OrderPlaced
from millrace.cli import main
from millrace.cli.contracts import reads_of
from millrace.events import Event
from millrace.flow.assembly import Resource, SourceLocation
from millrace.flow.compat import Consumer, compare
from millrace.flow.graph import Node
from millrace.flow.schemas import registry_schema
from millrace.local.cloudformation.synthesis import SynthesisError
from millrace.runtime import SignatureError

ROOT = Path(__file__).parents[2]
FORMS = ["OpenApi3", "JSONSchemaDraft4"]
TEA = {"cup": str, "sugar": int, "kind": Literal["black", "green"], "leaves": list[str]}


class Cup(BaseModel):
    colour: str
    owner: str


def poured(version=1, **changed):
    """An event class with the fields of TEA, some of them changed. None removes a field."""
    fields = {name: kind for name, kind in (TEA | changed).items() if kind is not None}
    given = {name: kind if isinstance(kind, tuple) else (kind, ...) for name, kind in fields.items()}
    keywords = {"source": "tea.kitchen", "version": version}
    return create_model("Poured", __base__=Event, __module__=__name__, __cls_kwargs__=keywords, **given)


def changes(old, new, *, reads=(), form="OpenApi3"):
    deployed = {"tea.kitchen@Poured": registry_schema(old, form)}
    consumers = [
        Consumer("drink", {tuple(path.split(".")): f"drink.py:{line}" for line, path in enumerate(reads)}),
        Consumer("count", {}),
    ]
    return compare(deployed, {"tea.kitchen@Poured": new}, {"tea.kitchen@Poured": consumers})


def one(old, new, *, reads=(), form="OpenApi3"):
    (change,) = changes(old, new, reads=reads, form=form)
    return change


@pytest.mark.parametrize("form", FORMS)
def test_same_contract_has_no_changes(form):
    event = poured(cup=Cup | None, sugar=Annotated[int, Field(gt=0)])
    assert changes(event, event, form=form) == []


@pytest.mark.parametrize("form", FORMS)
def test_new_field_with_a_default_is_compatible(form):
    assert changes(poured(), poured(milk=(bool, False)), form=form) == []


def test_new_required_field_breaks_every_consumer():
    change = one(poured(), poured(milk=bool))
    assert (change.field, change.directions) == ("milk", ("backward",))
    assert [name for name, _ in change.broken] == ["count", "drink"]
    assert "default" in change.fix


@pytest.mark.parametrize("old", [poured(), poured(cup=Cup)])
def test_removed_field_breaks_its_readers(old):
    change = one(old, poured(cup=None), reads=["sugar", "cup"])
    assert (change.field, change.what, change.directions) == ("cup", "is removed", ("forward",))
    assert change.broken == (("drink", "drink.py:1"),)


@pytest.mark.parametrize("read", ["cup", "mug"])
def test_renamed_field_breaks_readers_of_either_name(read):
    change = one(poured(), poured(cup=None, mug=str), reads=[read])
    assert (change.field, change.what) == ("cup", "is renamed to mug")
    assert change.broken == (("drink", "drink.py:0"),)
    assert change.directions == ("backward", "forward")


def test_change_of_an_unread_field_is_a_note():
    change = one(poured(), poured(cup=None, mug=str), reads=["sugar", "metadata.event_id", "#"])
    assert not change.breaks
    assert change.what == "is renamed to mug"


@pytest.mark.parametrize("read", ["", "model_dump"])
def test_reader_of_the_whole_event_reads_each_field(read):
    reads = {tuple(read.split(".")) if read else (): "drink.py:0"}
    deployed = {"tea.kitchen@Poured": registry_schema(poured(), "OpenApi3")}
    consumers = {"tea.kitchen@Poured": [Consumer("drink", reads)]}
    (change,) = compare(deployed, {"tea.kitchen@Poured": poured(cup=None)}, consumers)
    assert change.breaks


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        ("cup", str, Literal["blue"]),
        ("cup", str | None, str),
        ("sugar", int, Annotated[int, Field(ge=0)]),
        ("sugar", Annotated[int, Field(ge=0)], Annotated[int, Field(gt=0)]),
        ("sugar", Annotated[int, Field(lt=9)], Annotated[int, Field(lt=8)]),
        ("sugar", float, int),
        ("kind", Literal["black", "green"], Literal["black"]),
        ("cup", str, Annotated[str, Field(pattern="^b")]),
        ("leaves", list[str], Annotated[list[str], Field(min_length=1)]),
    ],
)
def test_narrower_field_breaks_backward_and_wider_field_forward(form, field, old, new):
    backward = one(poured(**{field: old}), poured(**{field: new}), reads=[field], form=form)
    forward = one(poured(**{field: new}), poured(**{field: old}), reads=[field], form=form)
    assert (backward.field, backward.directions, backward.breaks) == (field, ("backward",), True)
    assert (forward.field, forward.directions, forward.breaks) == (field, ("forward",), True)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("old", "new"), [(str, int), (Cup, str), (list[str], dict[str, str])])
def test_changed_type_breaks_backward_and_forward(form, old, new):
    found = changes(poured(cup=old), poured(cup=new), reads=["cup"], form=form)
    assert {direction for change in found if change.breaks for direction in change.directions} == {
        "backward",
        "forward",
    }


def test_newly_required_field_breaks_its_readers():
    change = one(poured(sugar=(int, 0)), poured(sugar=int), reads=["sugar"])
    assert (change.what, change.directions, change.breaks) == ("is now required", ("backward",), True)


def test_nested_field_is_compared_separately():
    short = create_model("Cup", colour=(str, ...))
    change = one(poured(cup=list[Cup]), poured(cup=list[short]), reads=["cup.[].owner"])
    other = one(poured(cup=list[Cup]), poured(cup=list[short]), reads=["cup.[].colour"])
    assert (change.field, change.breaks) == ("cup[].owner", True)
    assert not other.breaks


def test_new_version_with_an_upcaster_is_compatible():
    new = poured(version=2, cup=None, mug=str)
    new.upcaster(from_version=1)(lambda data: {"mug": data["cup"], **data})
    change = one(poured(), new, reads=["mug"])
    assert (change.breaks, change.directions) == (False, ("forward",))


def test_new_version_without_an_upcaster_breaks_every_consumer():
    change = one(poured(), poured(version=2), reads=[])
    assert [name for name, _ in change.broken] == ["count", "drink"]
    assert change.fix == "write @Poured.upcaster(from_version=1)"


def test_lower_version_breaks_every_consumer():
    assert one(poured(version=3), poured(version=2)).fix == "raise it to 3 or above"


def test_removed_event_is_a_note():
    (change,) = compare({"tea.kitchen@Poured": registry_schema(poured(), "OpenApi3")}, {}, {})
    assert (change.event, change.breaks) == ("Poured", False)


@pytest.fixture
def saved(assembly, tmp_path, monkeypatch, capsys):
    """A file of the shop's contracts with one field renamed, as before a change."""
    monkeypatch.chdir(ROOT)
    file = tmp_path / "contracts.json"
    assert main(["compat", "--save", str(file)]) == 0
    capsys.readouterr()

    def rename(event, field):
        text = json.loads(file.read_text())
        part = text["schemas"][event]["components"]["schemas"][event.partition("@")[2]]
        part["properties"]["old_name"] = part["properties"].pop(field)
        part["required"] = [{field: "old_name"}.get(name, name) for name in part["required"]]
        file.write_text(json.dumps(text))
        return str(file)

    return rename


def test_renamed_field_names_its_readers(saved, capsys):
    file = saved("shop.fulfilment@OrderCompleted", "customer_id")
    assert main(["compat", "--against", file]) == 1
    output = capsys.readouterr().out
    assert "breaks  OrderCompleted.old_name is renamed to customer_id" in output
    assert {"award_points", "rate_credit"} <= set(output.split())


def test_renamed_unread_field_passes_without_strict(saved, capsys):
    file = saved("shop.fulfilment@OrderCompleted", "tracking_id")
    assert main(["compat", "--against", file]) == 0
    assert "note    OrderCompleted.old_name is renamed to tracking_id: no consumer reads it" in capsys.readouterr().out
    assert main(["compat", "--against", file, "--strict"]) == 1


def test_failed_synth_still_shows_broken_consumers(saved, capsys, monkeypatch):
    def refused(*_):
        raise SynthesisError("a handler no longer fits its event")

    file = saved("shop.fulfilment@OrderCompleted", "customer_id")
    monkeypatch.setattr("millrace.cli.project.synthesise", refused)
    assert main(["compat", "--against", file]) == 1
    output = capsys.readouterr()
    assert {"award_points", "rate_credit"} <= set(output.out.split())
    assert "a handler no longer fits its event" in output.err


def test_handler_with_an_invalid_signature_is_broken_by_any_change(graph, monkeypatch):
    def refused(_):
        raise SignatureError("the view is found by 'customer_id'")

    (points,) = [node for node in graph.functions if node.name == "award_points"]
    monkeypatch.setattr("millrace.cli.contracts.importlib.import_module", refused)
    assert reads_of(points, OrderPlaced)[()] == f"{points.location}: the view is found by 'customer_id'"


def test_mode_selects_one_direction(saved, capsys):
    file = saved("shop.fulfilment@OrderCompleted", "customer_id")
    assert main(["compat", "--against", file, "--mode", "forward", "--json"]) == 1
    (change,) = json.loads(capsys.readouterr().out)
    readers = ["award_points", "notify_by_mail", "notify_by_post", "rate_credit", "view_customers", "view_orders"]
    assert sorted(broken["consumer"] for broken in change["broken"]) == readers


@pytest.mark.parametrize(
    ("facts", "reads"),
    [
        (
            {"channel": {"kind": "ordered", "partition_key": "cup"}},
            {("cup",): "app.py:7: ordered(partition_key='cup')"},
        ),
        ({"once": {"per": "cup"}}, {("cup",): "app.py:7: once_per='cup'"}),
        ({"once": {"per": "event_id"}}, {}),
    ],
)
def test_channel_and_once_per_read_their_field(facts, reads):
    location = SourceLocation("app.py", 7)
    resource = Resource("Tea", "Start", "AWS::Lambda::Function", "Tea/Start", location, {}, facts)
    starter = Node("Tea/Start", "starter", "start", construct_location=location, resource=resource)
    assert reads_of(starter, poured()) == reads


def test_aggregate_reads_fields_in_apply(graph):
    class Order:
        def apply(self, event: OrderPlaced) -> None:
            self.total = event.total_cents

    (place_order,) = [node for node in graph.functions if node.name == "place_order"]
    handler = importlib.import_module("functions.place_order.handler").handler
    store = replace(handler.declaration.stores[0], aggregate=Order)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handler, "declaration", replace(handler.declaration, stores=(store,)))
        assert list(reads_of(place_order, OrderPlaced)) == [("total_cents",)]


@pytest.mark.parametrize("schema", [{}, {"openapi": "3.0.0", "info": {"version": "1"}}, {"version": "one"}, []])
def test_foreign_schema_exits_with_two(saved, capsys, schema):
    file = saved("shop.fulfilment@OrderCompleted", "customer_id")
    Path(file).write_text(json.dumps({"schemas": {"shop.fulfilment@OrderCompleted": schema}}))
    assert main(["compat", "--against", file]) == 2
    assert "The schema of OrderCompleted was not generated by Millrace" in capsys.readouterr().err


def test_file_without_contracts_exits_with_two(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["compat", "--against", str(tmp_path / "missing.json")]) == 2
    assert "millrace compat --save" in capsys.readouterr().err


def test_field_of_another_event_of_a_union_is_not_read():
    reads = {("cup",): "drink.py:1", ("saucer",): "drink.py:2"}
    consumer = Consumer("drink", reads, frozenset({"cup", "saucer"}))
    assert consumer.reading(("tea",), {("cup",), ("tea",)}) is None
    assert consumer.reading(("saucer",), {("cup",), ("saucer",)}) == "drink.py:2"


def test_the_contracts_of_the_last_commit_are_compared_by_default(saved, capsys, monkeypatch):
    file = saved("shop.fulfilment@OrderCompleted", "customer_id")
    monkeypatch.setattr("millrace.cli.committed.save_contracts_of", lambda _root, _commit, to: shutil.copy(file, to))
    assert main(["compat"]) == 1
    assert "OrderCompleted.old_name is renamed to customer_id" in capsys.readouterr().out
