"""The patterns that valid events can match."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from millrace.events import Event
from millrace.flow.rule_patterns import can_match
from millrace.patterns import compile_pattern


class Part(BaseModel):
    sku: str
    country: str = Field(pattern=r"^[A-Z]{2}$")


class Sold(Event, source="test.till"):
    tier: Literal["silver", "gold"]
    cents: int = Field(ge=0, lt=1000)
    parts: list[Part]
    paid: bool
    rest: dict[str, Any]
    note: str | None = None


def possible(**data):
    return can_match(Sold, compile_pattern({"source": ["test.till"], "detail": {"data": data}}))


@pytest.mark.parametrize(
    "data",
    [
        {"tier": ["gold", "copper"]},
        {"tier": [{"prefix": "si"}]},
        {"cents": [{"numeric": [">", 998]}]},
        {"cents": [0]},
        {"parts": {"sku": [{"suffix": "x"}], "country": ["DE"]}},
        {"parts": {"country": [{"prefix": "D"}]}},
        {"note": [{"exists": False}]},
        {"note": [None]},
        {"colour": [{"exists": False}]},
        {"paid": [True]},
        {"rest": {"anything": ["goes"]}},
        {"$or": [{"tier": ["copper"]}, {"tier": ["gold"]}]},
    ],
)
def test_pattern_of_a_valid_event_is_possible(data):
    assert possible(**data)


@pytest.mark.parametrize(
    "data",
    [
        {"tier": ["copper"]},
        {"tier": [{"prefix": "co"}]},
        {"tier": [{"exists": False}]},
        {"cents": ["7"]},
        {"cents": [{"numeric": ["<", 0]}]},
        {"cents": [{"numeric": [">=", 1000]}]},
        {"cents": [7.5]},
        {"parts": {"country": ["Germany"]}},
        {"parts": ["x"]},
        {"colour": ["red"]},
        {"paid": [1]},
        {"$or": [{"tier": ["copper"]}, {"cents": [-1]}]},
    ],
)
def test_pattern_outside_the_contract_is_impossible(data):
    assert not possible(**data)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"cents": [{"numeric": [">", 5]}]}, {"cents": [{"numeric": ["<=", 5]}]}, False),
        ({"cents": [{"numeric": [">", 5]}]}, {"cents": [{"numeric": ["<=", 6]}]}, True),
        ({"tier": ["gold"]}, {"tier": ["silver"]}, False),
        ({"tier": ["gold"]}, {"paid": [True]}, True),
        ({"note": [{"exists": False}]}, {"note": [{"exists": True}]}, False),
    ],
)
def test_two_patterns_can_match_one_event(one, other, both):
    patterns = [compile_pattern({"detail": {"data": data}}) for data in (one, other)]
    assert can_match(Sold, *patterns) is both
