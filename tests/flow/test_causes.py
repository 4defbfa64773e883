"""Which effects of a list handler name no cause, read from its syntax."""

import pytest

from millrace.flow.causes import unnamed_causes


@pytest.fixture
def fixes(tmp_path):
    """The line of each effect without a cause, and what to write there."""

    def read(body, taken="list[Knocked]", decorator="processor"):
        file = tmp_path / "functions" / "ring" / "handler.py"
        file.parent.mkdir(parents=True)
        signature = f"def handler(knocks: {taken}, bells: EventStore[Bell]) -> list[Rung] | None:"
        file.write_text(f"@{decorator}\n{signature}\n    {body}\n")
        return [(found.location.line, found.fix) for found in unnamed_causes(tmp_path, "ring")]

    return read


EVENT = "Rung(…).caused_by(event)"


@pytest.mark.parametrize(
    ("body", "fix"),
    [
        ("bells.update('a', ring)", "bells.update(…, cause=event)"),
        ("for k in knocks: bells.append('a', [k], expected=0)", "bells.append(…, cause=event)"),
        ("return [Rung() for k in knocks]", EVENT),
        ("return [Rung()] if knocks else None", EVENT),
        ("yield Rung()", EVENT),
        ("yield from (bell.Rung() for k in knocks)", EVENT),
    ],
)
def test_effect_of_a_list_without_a_cause_is_found(fixes, body, fix):
    assert fixes(body) == [(3, fix)]


@pytest.mark.parametrize(
    "body",
    [
        "bells.update('a', ring, cause=knocks[0])",
        "bells.update('a', ring, **known)",
        "others.update(known)",
        "return [Rung().caused_by(k) for k in knocks]",
        "return [made(k) for k in knocks]",
        "return",
    ],
)
def test_effect_of_a_list_with_a_cause_is_no_finding(fixes, body):
    assert fixes(body) == []


@pytest.mark.parametrize(("taken", "decorator"), [("Knocked", "processor"), ("list[Knocked]", "step")])
def test_handler_of_one_event_and_step_need_no_cause(fixes, taken, decorator):
    assert fixes("bells.update('a', ring)", taken, decorator) == []
