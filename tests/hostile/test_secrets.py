"""Sensitive values appear in no log, no trace, and no output of the command line."""

import json

import pytest

from millrace.cli import main

SECRETS = ("4242 0007 1111", "P-77311-X", "424200071111")
DATA = {
    "key": "k-1",
    "name": "Ada",
    "card": SECRETS[0],
    "passports": [{"number": SECRETS[1], "country": "NO"}],
}


@pytest.fixture(scope="module")
def flows(app):
    """The correlation ids of flows with secrets: valid, failing, broken, of version 1, malformed."""
    details = [
        app.detail(DATA),
        app.detail({**DATA, "name": "Trouble"}),
        app.detail({**DATA, "card": int(SECRETS[2])}),
        app.detail({**DATA, "passports": [{"number": [SECRETS[1]], "country": "NO"}]}),
        app.detail({"key": "k", "card_number": SECRETS[0]}, version=1),
        {**app.detail(DATA), "data": [SECRETS[0]]},
    ]
    app.put(*(app.entry(detail) for detail in details))
    app.client("sqs").send_message(QueueUrl=app.queue("giveroomqueue"), MessageBody=json.dumps(list(SECRETS)))
    app.settle()
    return [detail["metadata"]["correlation_id"] for detail in details]


@pytest.fixture
def printed(app, monkeypatch, capsys):
    """Run a `millrace` command in the project of the app; return its output."""
    import sys
    from pathlib import Path

    project = Path(__file__).parent / "app"
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(str(project))
    monkeypatch.setenv("AWS_ENDPOINT_URL", app.cloud.endpoint_url)
    modules = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "functions"}

    def printed(*words):
        capsys.readouterr()
        main(list(words))
        output = capsys.readouterr()
        return output.out + output.err

    yield printed
    for name in [name for name in sys.modules if name.partition(".")[0] == "functions"]:
        del sys.modules[name]
    sys.modules.update(modules)


def sensitive_values(texts):
    return {secret for secret in SECRETS for text in texts if secret in text}


def test_flows_reach_every_output_that_could_contain_secrets(app, flows):
    errors = "\n".join(error for flow in flows for error in app.cloud.trace(flow).errors())
    for message in (
        "PermissionError: Passport ***** with card ***** is blocked.",
        "KeyError: '*****'",
        "no such card",
    ):
        assert message in errors
    assert "GuestArrived.card = '*****'" in errors
    assert "its upcaster from version 1 raised ValueError" in errors


def test_no_log_contains_a_secret(app, flows):
    lines = app.logs()
    assert any("guest arrived: key='k-1' name='Ada' card='*****'" in line for line in lines)
    assert any("its data is sensitive" in line for line in lines)
    assert sensitive_values(lines) == set()


def test_no_trace_contains_a_secret(app, flows):
    assert sensitive_values([str(app.cloud.trace(flow)) for flow in flows]) == set()
    history = app.cloud.on_loop(lambda: [repr(record) for record in app.cloud.region.history.since(0)[1]])
    assert len(history) > 30
    assert sensitive_values(history) == set()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_command_line_prints_no_secret(printed, flows, form):
    ids = [dead_letter["id"] for dead_letter in json.loads(printed("dlq", "list", "--json"))]
    outputs = [printed("dlq", "list", *form), *(printed("dlq", "show", each, *form) for each in ids)]
    outputs += [printed("trace", flow, *form) for flow in flows]
    assert len(ids) > 10
    assert sensitive_values(outputs) == set()


def test_reveal_prints_the_secrets(printed, flows):
    dead_letters = json.loads(printed("dlq", "list", "--json"))
    revealed = [printed("dlq", "show", dead_letter["id"], "--reveal") for dead_letter in dead_letters]
    assert sensitive_values(revealed) == {SECRETS[0], SECRETS[1], SECRETS[2]}
