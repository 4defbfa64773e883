"""`millrace logs` reads what functions print from CloudWatch Logs."""

import json

import pytest
from shared_shop import cloud, put, restored  # noqa: F401 fixtures

from millrace.cli import main

PRINTING = """
from functions.contracts.fulfilment import OrderCompleted
from millrace.runtime import processor

@processor
def handler(order: OrderCompleted) -> None:
    print("hello", order.order_id)
    raise RuntimeError("no points")
"""


@pytest.fixture
def failed(cloud, put, replace_handler):
    """A handler of award_points that prints and fails."""
    replace_handler("award_points", PRINTING)
    put("order_completed")
    cloud.settle()


def test_logs_show_what_a_function_printed_and_where_it_failed(failed, millrace, capsys):
    assert main(["logs", "award_points", "--since", "1d"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[1:3] == ["award_points", "hello"] for line in lines)
    assert any(
        "✗ OrderCompleted: RuntimeError: no points  (functions/award_points/handler.py:8)" in line for line in lines
    )


def test_logs_are_followed_until_ctrl_c_as_lines_of_json(failed, millrace, capsys, monkeypatch):
    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("millrace.operations.function_logs.time.sleep", interrupt)
    assert main(["logs", "--since", "1d", "--follow", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["function"] for line in lines if line["line"]["is_error"]} == {"award_points"}


def test_logs_of_an_unknown_function_are_wrong_usage(millrace, capsys):
    assert main(["logs", "award"]) == 2
    assert "No function is called award. The functions are: " in capsys.readouterr().err
