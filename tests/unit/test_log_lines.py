"""Log messages of functions as lines for a person, with the lines of the project's own code."""

import json
from types import SimpleNamespace

import pytest

from millrace.cli.logs import function_line
from millrace.cli.narration import outcome_lines, record_lines
from millrace.local.workers import Outcome
from millrace.operations.history import Record
from millrace.operations.log_lines import LogLine, read_line

TRACE = """Traceback (most recent call last):
  File "/opt/python/millrace/runtime/processor.py", line 9, in handle
    run()
  File "/var/task/functions/award/handler.py", line 15, in handler
    check(order)
  File "/var/task/functions/award/rules.py", line 3, in check
    raise ValueError(order)
ValueError: no points"""
FLOW = {"event": "OrderCompleted", "event_id": "e", "error": {"type": "ValueError", "message": "no points"}}
LOCATIONS = "(functions/award/rules.py:3, functions/award/handler.py:15)"


@pytest.mark.parametrize(
    "message",
    [
        "START RequestId: 1",
        "REPORT RequestId: 1",
        "",
        '{"_aws": {}, "EventsHandled": 1}',
        '{"type": "platform.report", "record": {"status": "success"}}',
        '{"level": "INFO", "logger": "botocore.credentials", "message": "Found credentials"}',
        '{"message": "event handled", "flow": {"event": "OrderCompleted"}}',
    ],
)
def test_what_is_not_for_a_person_is_left_out(message):
    assert read_line(message) is None


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("hello", LogLine("hello")),
        ('{"a": 1}', LogLine('{"a": 1}')),
        ('{"level": "INFO", "message": "paid"}', LogLine("paid")),
        ('{"level": "WARNING", "message": "late"}', LogLine("WARNING late")),
        (
            json.dumps({"message": "event failed", "flow": FLOW, "exception": TRACE}),
            LogLine(f"OrderCompleted: ValueError: no points  {LOCATIONS}", is_error=True),
        ),
        (
            '{"type": "platform.report", "record": {"status": "timeout"}}',
            LogLine("the invocation ended with timeout", is_error=True),
        ),
        (
            f"[ERROR] ValueError: no points\n{TRACE}",
            LogLine(f"[ERROR] ValueError: no points  {LOCATIONS}", is_error=True),
        ),
    ],
)
def test_what_a_handler_prints_and_how_it_fails_is_one_line(message, line):
    assert read_line(message) == line


def test_up_prints_a_line_for_each_printed_line_and_for_a_timeout():
    spec = SimpleNamespace(name="Shop-1", environment={"POWERTOOLS_SERVICE_NAME": "award"})
    outcome = Outcome("timeout", b"", ("hello", "r-1 Task timed out after 3.00 seconds"), 1.0, None, 1, "s", "r")
    printed, timed_out = outcome_lines(5.0, spec, outcome)
    assert printed.endswith("award             hello")
    assert timed_out.endswith("award             ✗ r-1 Task timed out after 3.00 seconds")


def test_up_prints_dead_letters_and_no_other_record():
    records = [Record(kind, 5.0, "f", "e", "award", {"event": "Paid"}) for kind in ("event", "attempt", "dead-letter")]
    (line,) = (line for record in records for line in record_lines(record))
    assert line.endswith("award             ✉ dead letter: Paid. See millrace dlq list")


def test_a_line_of_a_log_has_its_time_and_its_function():
    assert function_line(0.0, "award", LogLine("no\npoints", is_error=True)).endswith("award             ✗ no points")
