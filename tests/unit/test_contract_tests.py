"""The contract tests of `millrace.testing`: what they test, and what they find."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from millrace.events import Catalog, ContractError, Event
from millrace.testing import contracts
from millrace.testing.boundaries import LARGEST, boundaries
from millrace.testing.contracts import Consumer, Version

ROOT = Path(__file__).parents[2]


class Cup(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    colour: Annotated[str, Field(min_length=1, max_length=4)]


class Poured(Event, source="tea.kitchen", version=2):
    model_config = ConfigDict(json_schema_extra={"examples": [{"cup": {"colour": "blue"}, "sugar": 1}]})

    cup: Cup
    sugar: Annotated[int, Field(gt=0, le=9)]
    kind: Literal["black", "green"] = "black"
    price: float | None = None
    marks: Annotated[tuple[bool, ...], Field(max_length=2)] = ()


@Poured.upcaster(from_version=1)
def _a_cup_was_its_colour(data):
    return {"cup": {"colour": data["colour"]}, "sugar": 1}


EXAMPLE = {"cup": {"colour": "blue"}, "sugar": 1, "kind": "green", "price": 1.5, "marks": [True]}


def boundary_values(path):
    """The boundary values of one field."""
    found = []
    for what, data in boundaries(Poured, EXAMPLE):
        if what.startswith(f"{path} = "):
            for step in path.split("."):
                data = data.get(step, "left out")  # noqa: PLW2901
            found.append(data)
    return found


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("sugar", [1, 9]),
        ("cup.colour", ["x", "üüüü"]),
        ("kind", ["left out", "black", "green"]),
        ("price", ["left out", -LARGEST, LARGEST, 0, None]),
        ("marks", ["left out", [], [True, True]]),
    ],
)
def test_a_field_is_tested_at_each_of_its_boundaries(path, values):
    assert boundary_values(path) == values


def test_the_contract_accepts_every_boundary_value():
    for _, data in boundaries(Poured, EXAMPLE):
        Poured.read(data, tolerant=False)
    with pytest.raises(ContractError):
        Poured.read(EXAMPLE | {"sugar": 0})


def version(number, *examples, event=Poured):
    return Version(event, number, {f"{n}.json": data for n, data in enumerate(examples)}, "tests/events")


def test_an_event_without_an_example_fails_and_names_the_folder_for_one():
    with pytest.raises(pytest.fail.Exception, match=r"Poured has no example of version 1: record .* in tests/events"):
        contracts.test_event_has_example(version(1))


def test_an_example_that_breaks_its_contract_fails():
    with pytest.raises(pytest.fail.Exception, match=r"the contract cannot read 0\.json: Poured\.sugar = 0"):
        contracts.test_event_has_example(version(2, EXAMPLE | {"sugar": 0}))


def test_an_old_version_is_read_by_its_upcaster():
    contracts.test_consumer_accepts_event(Consumer("drink", Poured, version(1, {"colour": "red"})))
    with pytest.raises(pytest.fail.Exception, match="raised KeyError: 'colour'"):
        contracts.test_consumer_accepts_event(Consumer("drink", Poured, version(1, {"color": "red"})))


def test_boundary_values_find_a_consumer_that_accepts_less_than_the_contract():
    class Narrow(Event, source="tea.kitchen", detail_type="Poured", version=2):
        sugar: Annotated[int, Field(lt=9)]

    with pytest.raises(pytest.fail.Exception, match=r"drink cannot read 0\.json with sugar = 9: Narrow\.sugar = 9"):
        contracts.test_consumer_accepts_event(Consumer("drink", Narrow, version(2, EXAMPLE)))


def test_an_aggregate_applies_each_example():
    class Tray:
        def apply(self, event: Poured) -> None:
            self.strength = 1 / (event.sugar - 9)

    with pytest.raises(ZeroDivisionError):
        contracts.test_consumer_accepts_event(Consumer("serve", Poured, version(2, EXAMPLE), Tray))


def test_a_class_can_hold_its_own_example(monkeypatch, tmp_path):
    monkeypatch.setattr(Catalog, "load", lambda _package: Catalog([Poured]))
    first, second = contracts.versions(tmp_path, "none")
    assert (first.number, first.examples) == (1, {})
    assert list(second.examples) == ["example 0 of its class"]


def test_every_consumer_of_the_shop_is_tested():
    tested = {str(consumer) for consumer in contracts.consumers(ROOT, "tests/events")}
    assert {"OrderCompleted-v1-award_points", "OrderCompleted-v1-rate_credit", "OrderPlaced-v1-reserve_stock"} <= tested
    assert "OrderPlaced-v1-place_order.Order" in tested
