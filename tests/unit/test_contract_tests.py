"""The contract tests of `millrace.testing`."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from millrace.events import Catalog, ContractError, Event
from millrace.testing import contracts
from millrace.testing.boundaries import LARGEST, boundaries
from millrace.testing.contracts import Consumption, Version

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


def boundaries_of(path):
    """The boundary values of one field."""
    found = []
    for change, data in boundaries(Poured, EXAMPLE):
        if change.startswith(f"{path} = "):
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
def test_boundaries_of_each_field(path, values):
    assert boundaries_of(path) == values


def test_every_boundary_value_is_valid():
    for _, data in boundaries(Poured, EXAMPLE):
        Poured.read(data, tolerant=False)
    with pytest.raises(ContractError):
        Poured.read(EXAMPLE | {"sugar": 0})


def version(number, *examples, event=Poured):
    return Version(event, number, {f"{n}.json": data for n, data in enumerate(examples)}, "tests/events")


def test_event_without_an_example_fails():
    with pytest.raises(pytest.fail.Exception, match=r"Poured has no example of version 1: record .* in tests/events"):
        contracts.test_event_has_valid_examples(version(1))


def test_invalid_example_fails():
    with pytest.raises(pytest.fail.Exception, match=r"the contract cannot read 0\.json: Poured\.sugar = 0"):
        contracts.test_event_has_valid_examples(version(2, EXAMPLE | {"sugar": 0}))


def test_old_version_is_converted_by_its_upcaster():
    contracts.test_consumer_reads_every_example(Consumption("drink", Poured, version(1, {"colour": "red"})))
    with pytest.raises(pytest.fail.Exception, match="raised KeyError: 'colour'"):
        contracts.test_consumer_reads_every_example(Consumption("drink", Poured, version(1, {"color": "red"})))


def test_narrower_consumer_fails_at_a_boundary_value():
    class Narrow(Event, source="tea.kitchen", detail_type="Poured", version=2):
        sugar: Annotated[int, Field(lt=9)]

    with pytest.raises(pytest.fail.Exception, match=r"drink cannot read 0\.json with sugar = 9: Narrow\.sugar = 9"):
        contracts.test_consumer_reads_every_example(Consumption("drink", Narrow, version(2, EXAMPLE)))


def test_aggregate_applies_each_example():
    class Tray:
        def apply(self, event: Poured) -> None:
            self.strength = 1 / (event.sugar - 9)

    with pytest.raises(ZeroDivisionError):
        contracts.test_consumer_reads_every_example(Consumption("serve", Poured, version(2, EXAMPLE), Tray))


def test_class_can_contain_an_example(monkeypatch, tmp_path):
    monkeypatch.setattr(Catalog, "load", lambda _package: Catalog([Poured]))
    first, second = contracts.versions(tmp_path, "none")
    assert (first.number, first.examples) == (1, {})
    assert list(second.examples) == ["example 0 of its class"]


def test_every_consumer_of_the_shop_is_tested():
    tested = {str(each) for each in contracts.consumptions(ROOT, "tests/events")}
    assert {"OrderCompleted-v1-award_points", "OrderCompleted-v1-rate_credit", "OrderPlaced-v1-reserve_stock"} <= tested
    assert "OrderPlaced-v1-place_order.Order" in tested
