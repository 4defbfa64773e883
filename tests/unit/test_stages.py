"""`--stage` and `--context` of the commands that synthesise the stacks."""

import pytest

from millrace.cli import main, project
from millrace.cli.app import command


@pytest.fixture
def synthesised(monkeypatch, tmp_path):
    """Run a command in an empty folder; return the assembly's folder and the context of its synthesis."""
    found = []

    def synthesise(_root, out, context):
        found.append((out.name, dict(context)))
        raise project.SynthesisError("no app here")

    def run(*words):
        found.clear()
        main(words)
        return found[0]

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(project, "synthesise", synthesise)
    return run


def test_stage_is_the_context_key_stage_and_has_its_own_assembly(synthesised):
    assert synthesised("check", "--stage", "dev") == ("cdk.dev.out", {"stage": "dev"})
    assert synthesised("check") == ("cdk.out", {})


def test_values_of_the_context_are_given_one_by_one(synthesised):
    given = synthesised("map", "-c", "keep=yes", "--context", "color=a=b")
    assert given == ("cdk.out", {"keep": "yes", "color": "a=b"})


def test_stage_is_read_from_the_environment(synthesised, monkeypatch):
    monkeypatch.setenv("MILLRACE_STAGE", "test")
    assert synthesised("synth", "--out", "built") == ("built", {"stage": "test"})


@pytest.mark.parametrize(
    ("words", "message"),
    [(["-c", "keep"], "--context keep: write KEY=VALUE."), (["--stage", "../x"], "--stage ../x: use letters")],
)
def test_invalid_setting_is_an_error(words, message, capsys):
    assert main(["check", *words]) == 2
    assert message in capsys.readouterr().err


def test_each_command_that_synthesises_takes_a_stage():
    without = {name for name, each in command().commands.items() if "stage" not in {p.name for p in each.params}}
    assert without == {"init", "new", "settle", "down", "dlq"}
