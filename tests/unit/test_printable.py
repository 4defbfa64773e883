"""Text from outside that a terminal would act on is escaped, in lines, tables and traces."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.cli.tables import table
from millrace.local.core.clock import Clock
from millrace.local.core.history import Record
from millrace.local.core.printable import printable, printable_lines
from millrace.local.core.scheduler import NotSettledError, Scheduler
from millrace.local.core.trace import Trace

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
def test_what_a_terminal_acts_on_or_does_not_show_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize("text", ["Größe 12 €", "注文\u3000完了", "✗ └─ 🎁 ❤\ufe0f", "a\u00a0b", "'\\'", ""])
def test_text_of_any_language_stays_as_it_is(text):
    assert printable(text) == text


@given(st.text(st.characters()))
def test_any_text_becomes_one_line_that_shows_as_itself_and_stays_so(text):
    shown = printable(text)
    assert shows_as_itself(shown)
    assert printable(shown) == shown


def test_a_block_keeps_its_lines_and_indents_by_spaces():
    assert printable_lines("a\r\n\tb\x1b\n") == ["a", r"    b\x1b", ""]


def test_a_cell_of_a_table_is_escaped_before_its_column_is_measured():
    lines = table(("ID", "CAUSE"), [["\x1b[2J", "x\ny\x07"], ["12345678", "z"]], None)
    assert lines == ["ID        CAUSE", r"\x1b[2J   x y\x07", "12345678  z"]


@pytest.fixture
def hostile_trace():
    attempt = {"outcome": "error", "error": ERROR}
    return Trace.of(
        "flow",
        [
            Record("event", 1.0, "flow", "e\n1", "Order\x1b[2JPlaced", {}),
            Record("attempt", 2.0, "flow", "e\n1", "rate\u202ecredit", attempt),
            Record("dead-letter", 3.0, "flow", "e\n1", "rate\u202ecredit", {"queue": "dead\nletters"}),
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
        r"   └─ ✉ dead letter in dead\nletters",
    ]


def test_a_name_that_is_not_in_a_trace_is_reported_with_printable_names(hostile_trace):
    with pytest.raises(LookupError, match=r"These did: rate\\u202ecredit\.$"):
        hostile_trace.work("award_points")


def test_what_has_not_settled_is_reported_printable():
    scheduler = Scheduler(Clock())
    scheduler.hold("call of \x1b[2J")
    with pytest.raises(NotSettledError, match=r"call of \\x1b\[2J"):
        scheduler.settle(0)
