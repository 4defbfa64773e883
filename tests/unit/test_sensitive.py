"""Sensitive fields: an error names them, and shows no value of theirs."""

import traceback
from typing import Annotated

import pytest

from millrace.events import BrokenContract, Event, Sensitive


class Paid(Event, source="test.till"):
    cents: int
    card: Annotated[str, Sensitive()]


def told(data):
    with pytest.raises(BrokenContract) as raised:
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
