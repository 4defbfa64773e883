"""Control characters in text from outside are escaped in lines, tables and traces."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.cli.console import columns
from millrace.local.core.clock import Clock
from millrace.local.core.scheduler import NotSettledError, Scheduler
from millrace.operations.history import Record
from millrace.operations.printable import printable, printable_lines
from millrace.operations.trace import Trace, duration

ERROR = "ValueError: first\n└─ ✓ forged  +0.000 s\x1b[2J"


def shows_as_itself(text):
    return all(unicodedata.category(each) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for each in text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x1b]8;;https://evil.example\x1b\\", "\\x1b]8;;https://evil.example\\x1b\\"),
        ("\x9b2J\x90\x9c", r"\x9b2J\x90\x9c"),
        ("a\nb\rc\td\be\0\x7f", r"a\nb\rc\td\x08e\x00\x7f"),
        ("\u202agpj\u202e", r"\u202agpj\u202e"),
        ("\u2066\u2069\u061c\u200f", r"\u2066\u2069\u061c\u200f"),
        ("a\u200bb\u2060c\ufeff\u3164", r"a\u200bb\u2060c\ufeff\u3164"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("\ud800", r"\ud800"),
        ("\ue000\u0378\U000e0041", r"\ue000\u0378\U000e0041"),
    ],
)
def test_control_and_invisible_characters_are_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["Größe 12 €", "注文\u3000完了", "✗ └─ 🎁 ❤\ufe0f", "a\u00a0b", "'\\'", ""])
def test_text_of_any_language_is_unchanged(text):
    assert printable(text) == text


@given(st.text(st.characters()))
def test_any_text_becomes_one_printable_line_and_escaping_is_idempotent(text):
    shown = printable(text)
    assert shows_as_itself(shown)
    assert printable(shown) == shown


def test_a_block_keeps_its_lines_and_indents_by_spaces():
    assert printable_lines("a\r\n\tb\x1b\n") == ["a", r"    b\x1b", ""]


def test_a_cell_of_a_table_is_escaped_before_its_column_is_measured():
    lines = columns(("ID", "CAUSE"), [["\x1b[2J", "x\ny\x07"], ["12345678", "z"]], None)
    assert lines == ["ID        CAUSE", r"\x1b[2J   x y\x07", "12345678  z"]


@pytest.fixture
def hostile_trace():
    attempt = {"outcome": "error", "error": ERROR}
    return Trace.of(
        "flow",
        [
            Record("event", 1.0, "flow", "e\n1", "Order\x1b[2JPlaced", {}),
            Record("attempt", 2.0, "flow", "e\n1", "rate\u202ecredit", attempt),
            Record("dead-letter", 3.0, "flow", "e\n1", "rate\u202ecredit", {"queue": "dead\nqueue"}),
            Record("refused", 4.0, "flow", "e\n1", "Order\x1b[2JPlaced", {"error": ERROR}),
        ],
    )


def test_a_trace_keeps_its_tree_around_errors_of_several_lines(hostile_trace):
    first, *lines = str(hostile_trace).splitlines()
    assert (first.startswith(r"Order\x1b[2JPlaced"), first.endswith(r"e\n1")) == (True, True)
    assert lines == [
        "├─ ✗ refused: ValueError: first",
        r"│    | └─ ✓ forged  +0.000 s\x1b[2J",
        r"└─ ✗ rate\u202ecredit  +1.000 s  0 ms",
        "   ├─ ! attempt 1: ValueError: first",
        r"   │    | └─ ✓ forged  +0.000 s\x1b[2J",
        r"   └─ ✉ dead letter in dead\nqueue",
    ]


def test_an_unknown_name_in_a_trace_is_reported_with_printable_names(hostile_trace):
    with pytest.raises(LookupError, match=r"These did: rate\\u202ecredit\.$"):
        hostile_trace.work("award_points")


def test_pending_work_is_reported_printable():
    scheduler = Scheduler(Clock())
    scheduler.hold("call of \x1b[2J")
    with pytest.raises(NotSettledError, match=r"call of \\x1b\[2J"):
        scheduler.settle(0)


@pytest.mark.parametrize(("seconds", "text"), [(0.236, "236 ms"), (12.46, "12.5 s"), (720.022, "12 min")])
def test_a_trace_shows_durations_in_a_readable_unit(seconds, text):
    assert duration(seconds) == text
