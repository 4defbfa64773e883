"""Compatibility: which change of a contract breaks which consumer, and which breaks none."""

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, create_model

from functions.contracts.orders import OrderPlaced
from millrace.cli import main
from millrace.cli.contracts import reads_of
from millrace.events import Event
from millrace.flow.assembly import Place, Resource
from millrace.flow.compat import Consumer, compare
from millrace.flow.graph import Node
from millrace.flow.schemas import registry_schema
from millrace.local.cloudformation.synthesis import SynthesisError
from millrace.runtime import UnclearSignature

ROOT = Path(__file__).parents[2]
FORMS = ["OpenApi3", "JSONSchemaDraft4"]
TEA = {"cup": str, "sugar": int, "kind": Literal["black", "green"], "leaves": list[str]}


class Cup(BaseModel):
    colour: str
    owner: str


def poured(version=1, **changed):
    """An event class with the fields of TEA, some of them changed; None takes one away."""
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
def test_a_contract_that_stays_changes_nothing(form):
    event = poured(cup=Cup | None, sugar=Annotated[int, Field(gt=0)])
    assert changes(event, event, form=form) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_field_may_come_with_a_default(form):
    assert changes(poured(), poured(milk=(bool, False)), form=form) == []


def test_a_field_that_comes_without_a_default_breaks_every_consumer():
    change = one(poured(), poured(milk=bool))
    assert (change.field, change.directions) == ("milk", ("backward",))
    assert [name for name, _ in change.broken] == ["count", "drink"]
    assert "default" in change.mend


@pytest.mark.parametrize("old", [poured(), poured(cup=Cup)])
def test_a_field_that_goes_breaks_who_reads_it(old):
    change = one(old, poured(cup=None), reads=["sugar", "cup"])
    assert (change.field, change.what, change.directions) == ("cup", "is gone", ("forward",))
    assert change.broken == (("drink", "drink.py:1"),)


@pytest.mark.parametrize("read", ["cup", "mug"])
def test_a_field_that_is_renamed_breaks_who_reads_it_by_either_name(read):
    change = one(poured(), poured(cup=None, mug=str), reads=[read])
    assert (change.field, change.what) == ("cup", "is now called mug")
    assert change.broken == (("drink", "drink.py:0"),)
    assert change.directions == ("backward", "forward")


def test_a_change_of_a_field_that_nobody_reads_is_a_note():
    change = one(poured(), poured(cup=None, mug=str), reads=["sugar", "metadata.event_id", "#"])
    assert not change.breaks
    assert change.what == "is now called mug"


@pytest.mark.parametrize("read", ["", "model_dump"])
def test_who_reads_the_whole_event_reads_each_field(read):
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
def test_a_field_that_takes_less_is_no_home_for_old_events(form, field, old, new):
    backward = one(poured(**{field: old}), poured(**{field: new}), reads=[field], form=form)
    forward = one(poured(**{field: new}), poured(**{field: old}), reads=[field], form=form)
    assert (backward.field, backward.directions, backward.breaks) == (field, ("backward",), True)
    assert (forward.field, forward.directions, forward.breaks) == (field, ("forward",), True)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("old", "new"), [(str, int), (Cup, str), (list[str], dict[str, str])])
def test_a_field_of_another_type_breaks_both_ways(form, old, new):
    found = changes(poured(cup=old), poured(cup=new), reads=["cup"], form=form)
    assert {direction for change in found if change.breaks for direction in change.directions} == {
        "backward",
        "forward",
    }


def test_a_field_that_must_be_there_now_breaks_who_reads_it():
    change = one(poured(sugar=(int, 0)), poured(sugar=int), reads=["sugar"])
    assert (change.what, change.directions, change.breaks) == ("must be there now", ("backward",), True)


def test_a_part_of_a_part_is_a_field_of_its_own():
    short = create_model("Cup", colour=(str, ...))
    change = one(poured(cup=list[Cup]), poured(cup=list[short]), reads=["cup.[].owner"])
    other = one(poured(cup=list[Cup]), poured(cup=list[short]), reads=["cup.[].colour"])
    assert (change.field, change.breaks) == ("cup[].owner", True)
    assert not other.breaks


def test_a_new_version_with_an_upcaster_gets_on_with_the_old_one():
    new = poured(version=2, cup=None, mug=str)
    new.upcaster(from_version=1)(lambda data: {"mug": data["cup"], **data})
    change = one(poured(), new, reads=["mug"])
    assert (change.breaks, change.directions) == (False, ("forward",))


def test_a_new_version_without_an_upcaster_breaks_every_consumer():
    change = one(poured(), poured(version=2), reads=[])
    assert [name for name, _ in change.broken] == ["count", "drink"]
    assert change.mend == "write @Poured.upcaster(from_version=1)"


def test_a_version_that_falls_breaks_every_consumer():
    assert one(poured(version=3), poured(version=2)).mend == "raise it to 3 or above"


def test_an_event_that_is_gone_is_a_note():
    (change,) = compare({"tea.kitchen@Poured": registry_schema(poured(), "OpenApi3")}, {}, {})
    assert (change.event, change.breaks) == ("Poured", False)


@pytest.fixture
def saved(assembly, tmp_path, monkeypatch, capsys):
    """The shop's contracts in a file, one field of an event renamed: as they were before today's change."""
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


def test_renaming_what_points_and_credit_read_names_them_and_the_field(saved, capsys):
    file = saved("shop.fulfilment@OrderCompleted", "customer_id")
    assert main(["compat", "--against", file]) == 1
    told = capsys.readouterr().out
    assert "breaks  OrderCompleted.old_name is now called customer_id" in told
    assert {"award_points", "rate_credit"} <= set(told.split())


def test_renaming_what_nobody_reads_says_so_and_passes(saved, capsys):
    file = saved("shop.fulfilment@OrderCompleted", "tracking_id")
    assert main(["compat", "--against", file]) == 0
    assert "note    OrderCompleted.old_name is now called tracking_id: no consumer reads it" in capsys.readouterr().out
    assert main(["compat", "--against", file, "--strict"]) == 1


def test_a_change_that_keeps_the_app_from_being_synthesised_still_names_who_breaks(saved, capsys, monkeypatch):
    def refused(*_):
        raise SynthesisError("a handler no longer fits its event")

    file = saved("shop.fulfilment@OrderCompleted", "customer_id")
    monkeypatch.setattr("millrace.cli.project.synthesise", refused)
    assert main(["compat", "--against", file]) == 1
    told = capsys.readouterr()
    assert {"award_points", "rate_credit"} <= set(told.out.split())
    assert "a handler no longer fits its event" in told.err


def test_a_handler_that_no_longer_fits_its_event_is_broken_whatever_changed(graph, monkeypatch):
    def refused(_):
        raise UnclearSignature("the view is found by 'customer_id'")

    (points,) = [node for node in graph.functions if node.name == "award_points"]
    monkeypatch.setattr("millrace.cli.contracts.importlib.import_module", refused)
    assert reads_of(points, OrderPlaced)[()] == f"{points.place}: the view is found by 'customer_id'"


def test_one_direction_may_be_asked_for(saved, capsys):
    file = saved("shop.fulfilment@OrderCompleted", "customer_id")
    assert main(["compat", "--against", file, "--mode", "forward", "--json"]) == 1
    (change,) = json.loads(capsys.readouterr().out)
    readers = ["award_points", "notify_by_mail", "notify_by_post", "rate_credit", "view_customers", "view_orders"]
    assert sorted(broken["consumer"] for broken in change["broken"]) == readers


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (
            {"channel": {"kind": "ordered", "partition_key": "cup"}},
            {("cup",): "app.py:7: ordered(partition_key='cup')"},
        ),
        ({"once": {"per": "cup"}}, {("cup",): "app.py:7: once_per='cup'"}),
        ({"once": {"per": "event_id"}}, {}),
    ],
)
def test_the_wiring_reads_the_field_that_it_goes_by(facts, told):
    place = Place("app.py", 7)
    resource = Resource("Tea", "Start", "AWS::Lambda::Function", "Tea/Start", place, {}, facts)
    starter = Node("Tea/Start", "starter", "start", made=place, resource=resource)
    assert reads_of(starter, poured()) == told


def test_an_aggregate_reads_what_it_takes_in(graph):
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
def test_a_schema_that_somebody_else_wrote_is_wrong_use(saved, capsys, schema):
    file = saved("shop.fulfilment@OrderCompleted", "customer_id")
    Path(file).write_text(json.dumps({"schemas": {"shop.fulfilment@OrderCompleted": schema}}))
    assert main(["compat", "--against", file]) == 2
    assert "The schema of OrderCompleted is none that Millrace wrote" in capsys.readouterr().err


def test_a_file_that_holds_no_contracts_is_wrong_use(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["compat", "--against", str(tmp_path / "missing.json")]) == 2
    assert "millrace compat --save" in capsys.readouterr().err


def test_a_field_that_only_another_event_of_a_union_has_is_no_read_of_this_one():
    reads = {("cup",): "drink.py:1", ("saucer",): "drink.py:2"}
    consumer = Consumer("drink", reads, frozenset({"cup", "saucer"}))
    assert consumer.reading(("tea",), {("cup",), ("tea",)}) is None
    assert consumer.reading(("saucer",), {("cup",), ("saucer",)}) == "drink.py:2"
