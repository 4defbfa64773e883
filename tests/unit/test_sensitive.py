"""Sensitive fields: errors and events name them, and show no value of theirs."""

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


def told(data):
    with pytest.raises(ContractError) as raised:
        Paid.read(data)
    return str(raised.value), "".join(traceback.format_exception(raised.value))


@pytest.mark.parametrize("data", [{"cents": 1, "card": 4242}, {"card": "4242"}, {"cents": "x", "card": "4242"}])
def test_neither_an_error_nor_its_causes_show_a_sensitive_value(data):
    error, whole = told(data)
    assert "4242" not in error
    assert "4242" not in whole


def test_a_sensitive_field_is_named():
    assert "Paid.card = '*****'" in told({"cents": 1, "card": 4242})[0]


def test_a_value_of_another_field_is_shown():
    assert "Paid.cents = 'x'" in told({"cents": "x", "card": "4242"})[0]


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


def test_marks_are_found_in_models_lists_and_objects_within():
    assert set(marked(Arrived)) == {("guests", EACH, "passport", "number"), ("keys", EACH)}


def test_the_values_of_marked_fields_are_an_events_secrets():
    assert sorted(ARRIVED.secrets()) == ["K-90210", "P-77311"]
    assert Paid(cents=1, card="4242").secrets() == ["4242"]


def test_an_event_shows_no_sensitive_value_of_itself():
    assert f"{Paid(cents=1, card='4242')!r}" == "Paid(cents=1, card='*****')"
    assert not {"P-77311", "K-90210"} & set(re.findall(r"[A-Z]-\d+", f"{ARRIVED} {ARRIVED!r}"))


def test_a_contract_broken_within_a_sensitive_field_shows_nothing_of_it():
    data = {"room": "r-1", "guests": [{"name": "Anna", "passport": {"number": 77311, "country": "NO"}}]}
    with pytest.raises(ContractError, match=r"guests\.0\.passport\.number = '\*{5}'"):
        Arrived.read(data)


CARD = "4242 0007"


def refuse(error):
    raise error from ConnectionError(f"no answer about {CARD}")


def hidden(action, *secrets):
    """What an action raises that is to say nothing of some values; and all that is printed of that."""
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
def test_what_a_handler_raises_says_nothing_of_the_sensitive_values_that_it_was_given(error):
    raised, whole = hidden(lambda: refuse(error), CARD)
    assert isinstance(raised, type(error))
    assert type(raised).__name__ == type(error).__name__
    assert MASK in whole
    assert CARD not in whole


def test_an_error_that_says_nothing_sensitive_is_left_as_it_is():
    error = ValueError("of 17 characters", {"a": 1})
    assert hidden(lambda: refuse(error), CARD, 17, "", None)[0] is error
    assert error.args == ("of 17 characters", {"a": 1})


def test_an_upcaster_that_fails_shows_no_value_of_the_data():
    class Booked(Event, source="test.inn", version=2):
        card: Annotated[str, Sensitive()]

    @Booked.upcaster(from_version=1)
    def _up(data):
        raise ValueError(f"no card like {data.pop('number')}")

    with pytest.raises(ContractError, match=r"raised ValueError: no card like \*{5}") as raised:
        Booked.contract.upcast({"number": CARD}, 1)
    assert CARD not in "".join(traceback.format_exception(raised.value))
