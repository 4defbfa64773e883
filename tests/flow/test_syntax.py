"""The events that a handler creates, read from its syntax."""

import pytest

from millrace.flow.syntax import created_by

CONTRACTS = "class Rung:\n    pass\n\n\nclass Knocked:\n    pass\n"
RUNG, KNOCKED = ("functions.contracts.gate", "Rung"), ("functions.contracts.gate", "Knocked")


@pytest.fixture
def events(tmp_path):
    """The events that a handler creates; `None` for a call of put_events."""

    def read(handler, **modules):
        files = {"contracts/gate": CONTRACTS, "ring/handler": handler, **{f"ring/{k}": v for k, v in modules.items()}}
        for name, source in files.items():
            file = tmp_path / "functions" / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(source)
        found = {creation.event for creation in created_by(tmp_path, "ring")}
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
def test_event_is_found_in_each_kind_of_creation(events, body):
    assert events(f"from functions.contracts.gate import Rung\n\ndef handler(bell):\n    {body}\n") == {RUNG}


@pytest.mark.parametrize(
    ("imported", "name"),
    [
        ("from functions.contracts.gate import Rung as R", "R"),
        ("import functions.contracts.gate as gate", "gate.Rung"),
        ("import functions.contracts.gate", "functions.contracts.gate.Rung"),
        ("from functions.contracts import gate", "gate.Rung"),
        ("from ..contracts.gate import Rung", "Rung"),
    ],
)
def test_event_is_found_in_each_kind_of_import(events, imported, name):
    assert events(f"{imported}\n\ndef handler(bell):\n    return {name}()\n") == {RUNG}


IMPORTED = "from functions.contracts.gate import Knocked, Rung\n"


def test_calls_into_other_modules_are_followed(events):
    logic = f"{IMPORTED}def ring():\n    return Rung()\ndef knock():\n    return Knocked()\n"
    handler = "from functions.ring.logic import ring\n\ndef handler(bell):\n    return ring()\n"
    assert events(handler, logic=logic) == {RUNG}


def test_function_passed_as_an_argument_counts_as_called(events):
    one = "def one(bell):\n    return Rung()\n"
    assert events(f"{IMPORTED}{one}def handler(bells):\n    return list(map(one, bells))\n") == {RUNG}


def test_type_check_of_an_event_creates_none(events):
    assert events(f"{IMPORTED}def handler(bell: Rung) -> Knocked | None:\n    return isinstance(bell, Rung)\n") == set()


def test_recursive_functions_are_visited_once(events):
    both = "def a():\n    return b()\ndef b():\n    return a() or Rung()\n"
    assert events(f"{IMPORTED}{both}def handler(bell):\n    return a()\n") == {RUNG}


def test_call_of_put_events_is_found(events):
    assert events("import boto3\n\ndef handler(bell):\n    boto3.client('events').put_events(Entries=[])\n") == {None}


def test_function_of_millrace_has_no_handler(tmp_path):
    assert list(created_by(tmp_path, "start_something")) == []
