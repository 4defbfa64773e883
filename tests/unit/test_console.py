"""Each command prints what comes from outside without its control characters."""

import ast
import json
import logging
import threading
import unicodedata
from pathlib import Path
from types import SimpleNamespace

import pytest

from millrace.cli import console, contracts, main, rebuild, replay, up, watch
from millrace.cli.project import Project
from millrace.cli.target import Target
from millrace.flow.compat import Change
from millrace.operations import UsageError
from millrace.operations.dead_letters import DeadLetter
from millrace.operations.dead_letters.functions import Queue
from millrace.operations.replay import parse_time

ROOT = Path(__file__).parents[2]
BAD = "\x1b]0;x\x07\x1b[2J\x9b31m\x7f\u202e\u2066\u200b\u2028\ud800\ue000\U000e0041\r\nmillrace: forged\n\t└─ ✓ forged"
FORGED = ("millrace: forged", "└─ ✓ forged", "✓ forged")
EVENT = str(ROOT / "tests" / "events" / "stock_delivered.json")


def record(kind, name, **more):
    return {"kind": kind, "at": 1.0, "correlation_id": BAD, "event_id": BAD, "name": name, "more": more}


RECORDS = [
    record("event", BAD, producer=BAD),
    record("attempt", BAD, outcome="error", error=BAD, event=BAD),
    record("execution", BAD, execution=BAD, status=BAD),
    record("dead-letter", BAD, queue=BAD),
    record("refused", BAD, error=BAD),
]


def dead_letter(body, text=BAD):
    return DeadLetter(
        id=BAD,
        of=BAD,
        construct=BAD,
        origin=Queue(),
        sent=0.0,
        event=BAD,
        event_id=BAD,
        correlation_id=BAD,
        cause=BAD,
        attempts=1,
        body=body,
        url=BAD,
        receipt=BAD,
        text=text,
    )


class HostileCloud:
    """A local cloud in which every name, id, error and pattern is hostile."""

    is_local = True
    name = BAD

    def call(self, path):
        return {"next": 1, "records": RECORDS} if path.startswith("journal") else RECORDS

    def now(self):
        return 5.0

    def client(self, _service):
        rules = [{"Name": BAD, "EventPattern": json.dumps({"source": [BAD]})}]
        pages = SimpleNamespace(paginate=lambda **_: [{"Rules": rules}])
        refused = {"FailedEntryCount": 1, "Entries": [{"ErrorCode": BAD, "ErrorMessage": BAD}]}
        return SimpleNamespace(
            get_paginator=lambda _: pages,
            put_events=lambda **_: refused,
            describe_event_bus=lambda **_: {},
            exceptions=SimpleNamespace(ResourceNotFoundException=KeyError),
        )


@pytest.fixture
def dead_letters():
    return [dead_letter(body={BAD: BAD})]


@pytest.fixture
def hostile(monkeypatch, dead_letters):
    """Commands in the project that go to a hostile cloud with hostile dead letters."""
    monkeypatch.chdir(ROOT)
    cloud = HostileCloud()
    deployed = SimpleNamespace(cloud=cloud, functions_of=lambda _: [], log_groups=lambda _: [])
    monkeypatch.setattr(Target, "cloud", lambda *_, **__: cloud)
    monkeypatch.setattr(Project, "deployed", lambda *_: deployed)
    monkeypatch.setattr("millrace.operations.dead_letters.receive", lambda *_: dead_letters)
    monkeypatch.setattr("millrace.operations.dead_letters.failed_executions", lambda *_: [])
    monkeypatch.setattr("millrace.operations.dead_letters.release", lambda *_: None)
    monkeypatch.setattr(Queue, "redrive", lambda *_: BAD)
    monkeypatch.setattr("millrace.operations.dead_letters._delete", lambda *_: None)


@pytest.fixture
def printed(capsys):
    """What was printed. It contains no control characters except line breaks, and no forged line."""

    def printed():
        out, err = capsys.readouterr()
        acted_on = [c for c in out + err if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")]
        assert set(acted_on) == {"\n"}
        assert [line for line in (out + err).splitlines() if line.startswith(FORGED)] == []
        return out, err

    return printed


@pytest.fixture
def ended_tail(monkeypatch):
    def interrupt(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr("millrace.operations.tail.time.sleep", interrupt)


@pytest.mark.parametrize(
    "words",
    [
        ["tail", "--since", "1h"],
        ["trace", BAD],
        ["explain", EVENT, "--bus", BAD],
        ["dlq", "list"],
        ["dlq", "show", BAD],
        ["dlq", "show", BAD, "--reveal"],
        ["dlq", "redrive", "--all"],
        ["dlq", "purge", "--all", "--yes"],
        ["dlq", "show", "nothing" + BAD],
        ["put", "StockDelivered", "--bus", BAD, "--data", f"@{EVENT}"],
        ["put", BAD, "--data", "{}"],
        ["put", "StockDelivered", "--data", json.dumps({BAD: BAD})],
        ["synth", "--context", BAD],
    ],
    ids=lambda words: " ".join(words).replace(BAD, "…")[:40],
)
def test_a_command_prints_nothing_that_a_terminal_acts_on(hostile, ended_tail, printed, words):
    main(words)
    assert "".join(printed()) != ""


@pytest.mark.parametrize(
    "words",
    [["tail", "--since", "1h"], ["trace", BAD], ["dlq", "list"], ["dlq", "show", BAD], ["dlq", "purge", "--all"]],
)
def test_json_keeps_what_came_from_outside_in_ascii(hostile, ended_tail, printed, words):
    main([*words, "--json", *(["--yes"] if "purge" in words else [])])
    out, _ = printed()
    assert out.isascii()
    assert BAD in (text for line in out.splitlines() for text in texts(json.loads(line)))


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def test_a_message_that_is_not_json_is_shown_indented(hostile, dead_letters, printed):
    dead_letters[:] = [dead_letter(body=None, text="first\n\x1b[2Jsecond")]
    main(["dlq", "show", BAD, "--reveal"])
    assert "\n  first\n  \\x1b[2Jsecond\n" in printed()[0]


def test_further_lines_of_an_error_are_indented(printed):
    console.fail("no\nmillrace: forged\x1b[2J")
    assert printed()[1] == "millrace: no\n  millrace: forged\\x1b[2J\n"


def test_a_wrong_argument_is_printable_in_the_error(printed):
    for words in [["put", BAD], ["trace", "a", BAD], [BAD], ["dlq", "redrive", "--rate", BAD]]:
        assert main(words) == 2
        assert printed()[1].startswith("millrace: ")


def test_the_lines_of_other_commands_are_printable(printed):
    bad = {"key": BAD, "fields": {BAD: (BAD, BAD)}}
    outcome = {"shown": [bad], "different": 2, "projection": BAD, "rows": 1, "live": BAD}
    window = SimpleNamespace(
        archive={"ArchiveName": BAD, "EventCount": BAD, "SizeBytes": 1},
        begin=parse_time("1h", 0),
        end=parse_time("0s", 0),
        rules=[SimpleNamespace(consumer=BAD, pattern=BAD)],
    )
    console.out(*rebuild.difference_lines(outcome))
    console.out(*replay.plan_lines(window, {BAD: {BAD: 1}}), *replay.plan_lines(window, None))
    change = Change(BAD, BAD, BAD, ("backward",), ((BAD, BAD),), BAD)
    console.out(*contracts.change_lines([change], 1))
    assert printed()[0].count("forged") > 10


def test_a_failed_deployment_is_reported_printable(monkeypatch, printed):
    def refused(*_):
        raise UsageError(BAD)

    monkeypatch.setattr(watch, "_swap", refused)
    watch._redeploy(None, None, None, [])
    assert printed()[1].startswith("  not deployed")


def test_pending_work_is_reported_printable(monkeypatch, printed):
    monkeypatch.setattr(up, "_local", lambda: SimpleNamespace(call=lambda *_, **__: BAD))
    assert up.settle() == 1
    assert printed()[1].startswith("millrace: ")


def test_tracebacks_of_the_process_are_printable(printed):
    error = ValueError(BAD)
    console.show_exception(ValueError, error, None)
    console._show_thread_exception(threading.ExceptHookArgs((ValueError, error, None, None)))
    console._show_thread_exception(threading.ExceptHookArgs((SystemExit, None, None, None)))
    assert printed()[1].count("ValueError") == 2


def test_logged_errors_are_printable_and_indented():
    logged = logging.makeLogRecord({"msg": "%s\nmillrace: forged", "args": ("\x1b[2J",)})
    assert console.PrintableFormatter().format(logged) == "\\x1b[2J\n  millrace: forged"


def test_the_end_of_input_is_an_empty_answer(monkeypatch, printed):
    def ended():
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    assert console.prompt(f"{BAD}?") == ""
    console.say("")
    assert printed()[1].count("\n") == 1


def test_only_the_console_writes_to_the_terminal():
    """Ruff's T20 refuses `print` there; this test covers the other functions."""
    writing = {"sys.stdout", "sys.stderr", "os.write", "print", "input", "ArgumentParser", "argparse.ArgumentParser"}
    files = [file for file in (ROOT / "millrace" / "cli").glob("*.py") if file.name != "console.py"]
    calls = [(file.name, node) for file in files for node in ast.walk(ast.parse(file.read_text()))]
    found = [
        f"{name}:{node.lineno}"
        for name, node in calls
        if ast.unparse(node.func if isinstance(node, ast.Call) else node) in writing
        if isinstance(node, ast.Call) or ast.unparse(node).startswith("sys.")
    ]
    assert files
    assert found == []


@pytest.mark.parametrize(("number", "text"), [(0, "0 changes"), (1, "1 change"), (2, "2 changes")])
def test_a_number_has_its_noun(number, text):
    assert console.counted(number, "change") == text
