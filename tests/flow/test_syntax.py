"""Which events a handler makes, read from its syntax."""

import pytest

from millrace.flow.syntax import said_by

CONTRACTS = "class Rung:\n    pass\n\n\nclass Knocked:\n    pass\n"
RUNG, KNOCKED = ("functions.contracts.door", "Rung"), ("functions.contracts.door", "Knocked")


@pytest.fixture
def events(tmp_path):
    """The events that a handler makes; `None` for a call of put_events."""

    def read(handler, **modules):
        files = {"contracts/door": CONTRACTS, "ring/handler": handler, **{f"ring/{k}": v for k, v in modules.items()}}
        for name, source in files.items():
            file = tmp_path / "functions" / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        found = {said.event for said in said_by(tmp_path, "ring")}
        return {event for event in found if event in (None, RUNG, KNOCKED)}

    return read


@pytest.mark.parametrize(
    "body",
    [
        "return Rung()",
        "yield Rung()",
        "yield from [Rung() for _ in bell]",
        "made = Rung()\n    return made",
        "return Rung.model_construct()",
        "return [Rung()] if bell else None",
    ],
)
def test_an_event_is_found_however_it_is_made(events, body):
    assert events(f"from functions.contracts.door import Rung\n\ndef handler(bell):\n    {body}\n") == {RUNG}


@pytest.mark.parametrize(
    ("imported", "name"),
    [
        ("from functions.contracts.door import Rung as R", "R"),
        ("import functions.contracts.door as door", "door.Rung"),
        ("import functions.contracts.door", "functions.contracts.door.Rung"),
        ("from functions.contracts import door", "door.Rung"),
        ("from ..contracts.door import Rung", "Rung"),
    ],
)
def test_an_event_is_found_however_it_is_imported(events, imported, name):
    assert events(f"{imported}\n\ndef handler(bell):\n    return {name}()\n") == {RUNG}


IMPORTED = "from functions.contracts.door import Knocked, Rung\n"


def test_what_the_handler_calls_in_other_modules_counts(events):
    logic = f"{IMPORTED}def ring():\n    return Rung()\ndef knock():\n    return Knocked()\n"
    handler = "from functions.ring.logic import ring\n\ndef handler(bell):\n    return ring()\n"
    assert events(handler, logic=logic) == {RUNG}


def test_a_function_that_is_handed_on_counts_as_called(events):
    one = "def one(bell):\n    return Rung()\n"
    assert events(f"{IMPORTED}{one}def handler(bells):\n    return list(map(one, bells))\n") == {RUNG}


def test_an_event_that_is_only_looked_at_is_not_made(events):
    assert events(f"{IMPORTED}def handler(bell: Rung) -> Knocked | None:\n    return isinstance(bell, Rung)\n") == set()


def test_functions_that_call_each_other_come_to_an_end(events):
    both = "def a():\n    return b()\ndef b():\n    return a() or Rung()\n"
    assert events(f"{IMPORTED}{both}def handler(bell):\n    return a()\n") == {RUNG}


def test_a_call_of_put_events_is_found(events):
    assert events("import boto3\n\ndef handler(bell):\n    boto3.client('events').put_events(Entries=[])\n") == {None}


def test_a_function_of_the_kits_own_has_no_handler_to_read(tmp_path):
    assert list(said_by(tmp_path, "start_something")) == []
