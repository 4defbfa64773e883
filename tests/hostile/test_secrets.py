"""Sensitive values go through everything, and stand in no log, no trace, and nothing that the command line prints."""

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
def flows(inn):
    """The correlation ids of flows that hold secrets: good, failing, broken, old, misnamed."""
    told = [
        inn.detail(DATA),
        inn.detail({**DATA, "name": "Trouble"}),
        inn.detail({**DATA, "card": int(SECRETS[2])}),
        inn.detail({**DATA, "passports": [{"number": [SECRETS[1]], "country": "NO"}]}),
        inn.detail({"key": "k", "card_number": SECRETS[0]}, version=1),
        {**inn.detail(DATA), "data": [SECRETS[0]]},
    ]
    inn.put(*(inn.entry(detail) for detail in told))
    inn.cloud.client("sqs").send_message(QueueUrl=inn.queue("giveroomqueue"), MessageBody=json.dumps(list(SECRETS)))
    inn.settle()
    return [detail["metadata"]["correlation_id"] for detail in told]


@pytest.fixture
def printed(inn, monkeypatch, capsys):
    """What a command of `millrace` prints, in the project of the inn."""
    import sys
    from pathlib import Path

    app = Path(__file__).parent / "app"
    monkeypatch.chdir(app)
    monkeypatch.syspath_prepend(str(app))
    monkeypatch.setenv("AWS_ENDPOINT_URL", inn.cloud.endpoint_url)
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "functions"}

    def printed(*words):
        capsys.readouterr()
        main(list(words))
        told = capsys.readouterr()
        return told.out + told.err

    yield printed
    for name in [name for name in sys.modules if name.partition(".")[0] == "functions"]:
        del sys.modules[name]
    sys.modules.update(kept)


def found(texts):
    return {secret for secret in SECRETS for text in texts if secret in text}


def test_the_flows_went_where_secrets_could_have_shown(inn, flows):
    errors = "\n".join(error for flow in flows for error in inn.cloud.trace(flow).errors())
    for told in (
        "PermissionError: The police asks for *****, who pays with *****.",
        "KeyError: '*****'",
        "no such card",
    ):
        assert told in errors
    assert "GuestArrived.card = '*****'" in errors
    assert "its upcaster from version 1 raised ValueError" in errors


def test_no_log_holds_a_secret(inn, flows):
    lines = inn.logs()
    assert any("somebody comes: key='k-1' name='Ada' card='*****'" in line for line in lines)
    assert any("its data is sensitive" in line for line in lines)
    assert found(lines) == set()


def test_no_trace_holds_a_secret(inn, flows):
    assert found([str(inn.cloud.trace(flow)) for flow in flows]) == set()
    history = inn.cloud.on_loop(lambda: [repr(record) for record in inn.cloud.region.history.since(0)[1]])
    assert len(history) > 30
    assert found(history) == set()


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_command_line_prints_no_secret(printed, flows, form):
    ids = [letter["id"] for letter in json.loads(printed("dlq", "list", "--json"))]
    told = [printed("dlq", "list", *form), *(printed("dlq", "show", each, *form) for each in ids)]
    told += [printed("trace", flow, *form) for flow in flows]
    assert len(ids) > 10
    assert found(told) == set()


def test_who_must_see_asks_for_it(printed, flows):
    letters = json.loads(printed("dlq", "list", "--json"))
    revealed = [printed("dlq", "show", letter["id"], "--reveal") for letter in letters]
    assert found(revealed) == {SECRETS[0], SECRETS[1], SECRETS[2]}
