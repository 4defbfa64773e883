"""The `millrace` command: help, styles, wrong usage, and errors that are not bugs."""

import ast
import io
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest

from millrace.cli import app, console, main
from millrace.cli.project import ASSEMBLY, Project
from millrace.operations import UsageError
from millrace.operations.cloud import Cloud, LocalCloudError, explained

VERBS = {
    *(
        "Accept",
        "Add",
        "Assume",
        "Begin",
        "Check",
        "Choose",
        "Compare",
        "Confirm",
        "Count",
        "Create",
        "Delete",
        "Deploy",
        "Draw",
        "End",
        "Estimate",
    ),
    *(
        "Explain",
        "Fail",
        "Follow",
        "Give",
        "Go",
        "Install",
        "List",
        "Make",
        "Print",
        "Put",
        "Rebuild",
        "Redrive",
        "Render",
    ),
    *(
        "Estimate",
        "Let",
        "Render",
        "Replay",
        "Restore",
        "Run",
        "Save",
        "Send",
        "Set",
        "Show",
        "Skip",
        "Start",
        "Wait",
        "Write",
    ),
}
WORDS = [[], ["dlq"], ["--help"], ["dlq", "redrive", "--help"]]


def commands(group=None):
    for command in (group or app.command()).commands.values():
        yield command
        yield from commands(command) if hasattr(command, "commands") else ()


@pytest.fixture
def terminal(monkeypatch):
    """Let standard output and error be a terminal, and give it."""

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = Terminal()

    def terminal():
        monkeypatch.setattr(sys, "stdout", shown)
        monkeypatch.setattr(sys, "stderr", shown)
        return shown

    return terminal


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help_is_printed_with_and_without_the_option(capsys, words):
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("Usage: millrace")


def test_every_command_and_every_option_has_a_help_that_starts_with_a_verb():
    options = [o for c in commands() for o in c.params if o.param_type_name == "option"]
    texts = [each.help for each in (*commands(), *options)]
    assert [text for text in texts if not text or text.split()[0].strip(",") not in VERBS] == []


def test_the_help_fits_into_80_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    main([])
    _, *lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.endswith("...")] == []


def test_the_help_imports_nothing_slow():
    slow = "{'aws_cdk', 'boto3', 'moto', 'pydantic', 'rich'}"
    script = f"import sys, millrace.cli as c; c.main([]); print({slow} & {{*sys.modules}})"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).endswith("set()\n")


def test_a_closed_pipe_ends_a_command_without_a_traceback():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "millrace"], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    ("module", "words", "extra"),
    [("typer.exceptions", [], "all"), ("watchfiles", ["up"], "local")],
)
def test_a_missing_extra_is_explained_in_one_line(monkeypatch, capsys, tmp_path, module, words, extra):
    monkeypatch.chdir(tmp_path)
    for name in ("millrace.cli.watch", module):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    assert main(words) == 1
    assert capsys.readouterr().err.endswith(f"Install the extra: pip install 'millrace[{extra}]'\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dlq", "lis"], "No such command 'lis'. Did you mean 'list'? See millrace dlq --help."),
        (["put", "PlaceOrder"], "Missing option '--data'. See millrace put --help."),
        (["check", "--json", "--sarif"], "Choose one of --json, --sarif and --explain."),
        (["rebuild", "view_orders", "--swap", "--drop"], "Choose one of --compare, --swap, --roll-back and --drop."),
    ],
)
def test_wrong_usage_is_explained_in_one_line(capsys, words, message):
    assert main(words) == 2
    assert capsys.readouterr().err == f"millrace: {message}\n"


def test_a_file_that_cannot_be_written_is_wrong_usage(tmp_path):
    with pytest.raises(UsageError, match=r"Cannot write .*missing.*: No such file or directory"):
        Project(tmp_path, ASSEMBLY).write(tmp_path / "missing" / "map.html", "")


def test_a_local_cloud_that_stops_answering_is_explained_in_one_line():
    with pytest.raises(LocalCloudError) as raised:
        Cloud("http://127.0.0.1:1").call("now")
    assert explained(raised.value).endswith("Start it again: millrace up")


def test_a_terminal_shows_styles_but_no_markup_from_outside(terminal):
    shown = terminal()
    console.out("✓ [red]order[/] :smile:")
    console.table(("ID", "CAUSE"), [["1", "[link=x]"]])
    assert shown.getvalue().splitlines() == [
        "\x1b[32m✓\x1b[0m [red]order[/] :smile:",
        "\x1b[1mID  CAUSE\x1b[0m",
        "1   [link=x]",
    ]


def test_no_color_turns_styles_off(terminal, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    shown = terminal()
    console.out("✓ order")
    assert shown.getvalue() == "✓ order\n"


def test_a_terminal_wraps_an_error_between_words(terminal, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    shown = terminal()
    console.fail("no local cloud is up")
    assert shown.getvalue().splitlines() == ["\x1b[1;31mmillrace:\x1b[0m no local ", "cloud is up"]


def test_a_table_in_a_narrow_terminal_puts_the_last_column_below():
    lines = console.columns(("ID", "OF", "CAUSE"), [["1", "x" * 20, "y" * 50]], 40)
    assert lines == ["ID  OF", f"1   {'x' * 20}", f"  {'y' * 37}…"]


def test_port_is_read_from_the_environment_and_named_if_it_is_in_use(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("MILLRACE_PORT", str(port))
        assert main(["up"]) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert f"Port {port} of 127.0.0.1 is in use." in message
    assert "with --port or MILLRACE_PORT." in message


def test_a_file_that_does_not_exist_is_named(capsys, tmp_path):
    missing = tmp_path / "order.json"
    assert main(["run", str(missing)]) == 2
    assert f"Cannot read {missing}: No such file or directory." in capsys.readouterr().err


def test_a_folder_without_events_is_no_project(monkeypatch, tmp_path):
    missing = ModuleNotFoundError("No module named 'functions'", name="functions")
    monkeypatch.setattr("millrace.cli.project.Catalog.load", Mock(side_effect=missing))
    with pytest.raises(UsageError, match=f"{tmp_path} has no events: .* Run millrace in a project."):
        Project(tmp_path, ASSEMBLY).catalog  # noqa: B018 - loads


def test_no_message_needs_a_makefile():
    root = Path(app.__file__).parents[1]
    files = [file for folder in ("cli", "operations", "flow", "runtime") for file in (root / folder).rglob("*.py")]
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text()))]
    docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    texts = [node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in docstrings]
    assert [text for text in texts if isinstance(text, str) and re.search(r"`make |[Rr]un make ", text)] == []


@pytest.mark.parametrize(("swapped", "code"), [(["award_points"], "new code"), ([], "code")])
def test_failed_synth_while_watching_says_which_code_runs(monkeypatch, capsys, swapped, code):
    from millrace.cli import watch
    from millrace.operations import UsageError

    monkeypatch.setattr(watch, "_swap", lambda *_: swapped)
    project = Mock(**{"synthesise.side_effect": UsageError("app.py failed")})
    watch._redeploy(project, Mock(), Mock(), [])
    expected = f"not deployed, the previous stacks keep running with their {code}: app.py failed"
    assert expected in capsys.readouterr().err
