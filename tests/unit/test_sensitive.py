"""Sensitive fields: errors and events name them without their values."""

import re
import traceback
from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from millrace.events import ContractError, Event, Sensitive
from millrace.events.sensitive import EACH, MASK, marked, redacting


class Paid(Event, source="test.till"):
    cents: int
    card: Annotated[str, Sensitive()]


def error_of(data):
    with pytest.raises(ContractError) as raised:
        Paid.read(data)
    return str(raised.value), "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("data", [{"cents": 1, "card": 4242}, {"card": "4242"}, {"cents": "x", "card": "4242"}])
def test_error_and_its_causes_contain_no_sensitive_value(data):
    error, whole = error_of(data)
    assert "4242" not in error
    assert "4242" not in whole


def test_sensitive_field_is_named():
    assert "Paid.card = '*****'" in error_of({"cents": 1, "card": 4242})[0]


def test_value_of_another_field_is_shown():
    assert "Paid.cents = 'x'" in error_of({"cents": "x", "card": "4242"})[0]


class Passport(BaseModel):
    number: Annotated[str, Sensitive()]
    country: str


class Guest(BaseModel):
    name: str
    passport: Passport | None = None
    friends: "list[Guest]" = Field(default_factory=list)


class Arrived(Event, source="test.inn"):
    room: str
    guests: list[Guest]
    keys: dict[str, Annotated[str, Sensitive()]] = Field(default_factory=dict)


ANNA = Guest(name="Anna", passport=Passport(number="P-77311", country="NO"))
ARRIVED = Arrived(room="r-1", guests=[ANNA], keys={"front": "K-90210"})


def test_marked_fields_are_found_in_nested_models_lists_and_objects():
    assert set(marked(Arrived)) == {("guests", EACH, "passport", "number"), ("keys", EACH)}


def test_secrets_are_the_values_of_marked_fields():
    assert sorted(ARRIVED.secrets()) == ["K-90210", "P-77311"]
    assert Paid(cents=1, card="4242").secrets() == ["4242"]


def test_repr_masks_sensitive_values():
    assert f"{Paid(cents=1, card='4242')!r}" == "Paid(cents=1, card='*****')"
    assert not {"P-77311", "K-90210"} & set(re.findall(r"[A-Z]-\d+", f"{ARRIVED} {ARRIVED!r}"))


def test_error_inside_a_sensitive_field_contains_no_value():
    data = {"room": "r-1", "guests": [{"name": "Anna", "passport": {"number": 77311, "country": "NO"}}]}
    with pytest.raises(ContractError, match=r"guests\.0\.passport\.number = '\*{5}'"):
        Arrived.read(data)


CARD = "4242 0007"


def refuse(error):
    raise error from ConnectionError(f"no answer about {CARD}")


def hidden(action, *secrets):
    """The exception of an action after redaction, and its printed traceback."""
    with pytest.raises(Exception, match=r".") as raised, redacting(lambda: secrets):
        action()
    return raised.value, "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize(
    "error",
    [
        ValueError(f"the bank refuses {CARD}"),
        KeyError(CARD),
        RuntimeError({"card": CARD}),
        OSError(5, "refused", CARD),
        ExceptionGroup("both", [ValueError(f"not {CARD}")]),
        ExceptionGroup(f"both of {CARD}", [ValueError("no")]),
    ],
)
def test_exception_of_a_handler_contains_no_sensitive_value(error):
    raised, whole = hidden(lambda: refuse(error), CARD)
    assert isinstance(raised, type(error))
    assert type(raised).__name__ == type(error).__name__
    assert MASK in whole
    assert CARD not in whole


def test_exception_without_sensitive_values_is_unchanged():
    error = ValueError("of 17 characters", {"a": 1})
    assert hidden(lambda: refuse(error), CARD, 17, "", None)[0] is error
    assert error.args == ("of 17 characters", {"a": 1})


def test_exception_of_an_upcaster_contains_no_value():
    class Booked(Event, source="test.inn", version=2):
        card: Annotated[str, Sensitive()]

    @Booked.upcaster(from_version=1)
    def _up(data):
        raise ValueError(f"no card like {data.pop('number')}")

    with pytest.raises(ContractError, match=r"raised ValueError: no card like \*{5}") as raised:
        Booked.contract.upcast({"number": CARD}, 1)
    assert CARD not in "".join(traceback.format_exception(raised.value))
