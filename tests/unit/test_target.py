"""Commands go to the local cloud, and to AWS only with `--aws`; what changes AWS is confirmed first."""

import json
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError, NoCredentialsError
from moto import mock_aws

from millrace.cli import console, main
from millrace.cli.project import ASSEMBLY, Project
from millrace.cli.target import Target
from millrace.operations import UsageError
from millrace.operations.cloud import Cloud, explained, is_on_this_machine, local_cloud

EVENTS = Path(__file__).parents[1] / "events"
PUT = ["put", "StockDelivered", "--bus", "shop", "--data", f"@{EVENTS / 'stock_delivered.json'}"]
READS = [
    ["trace", "flow"],
    ["explain", str(EVENTS / "order_placed.json"), "--bus", "shop"],
    ["tail"],
    ["dlq", "list"],
    ["dlq", "show", "5cbe"],
    ["replay", "--from", "1h", "--dry-run"],
    ["rebuild", "view_orders", "--compare"],
]
READS_OF_AWS = [*READS, ["compat"]]
"""Without --aws, `compat` reads the last commit."""
CHANGES = [
    PUT,
    ["dlq", "redrive", "--all"],
    ["dlq", "purge", "--all"],
    ["replay", "--from", "1h", "--every-rule"],
    ["rebuild", "view_orders"],
    ["rebuild", "view_orders", "--swap"],
    ["rebuild", "view_orders", "--roll-back"],
    ["rebuild", "view_orders", "--drop"],
    ["restore", "OrderStore", "--from", "restored"],
    ["erase", "OrderStore", "order-1001"],
]
CALLER = {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/ada"}


def environment(url):
    """The environment of a local cloud."""
    return {"AWS_ENDPOINT_URL": url, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


def every(*lists):
    return pytest.mark.parametrize("words", [words for given in lists for words in given], ids=" ".join)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch, assembly):
    """The shop's assembly in an empty folder, without a local cloud, and a shell with a region."""
    (tmp_path / ".millrace").mkdir()
    (tmp_path / ASSEMBLY).symlink_to(assembly)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("millrace.cli.project.synthesise", lambda *_: False)
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    monkeypatch.setattr(console, "has_person", lambda: False)
    return Project(tmp_path, ASSEMBLY)


@pytest.fixture
def calls(monkeypatch):
    """The calls of AWS's APIs, each refused without credentials, except that for the caller. Nothing connects."""
    made = []

    def call(client, operation, _given):
        made.append((client.meta.endpoint_url, operation))
        if operation == "GetCallerIdentity":
            return CALLER
        raise NoCredentialsError

    def connect(_socket, address):
        pytest.fail(f"it connected to {address}")

    monkeypatch.setattr(BaseClient, "_make_api_call", call)
    monkeypatch.setattr(socket.socket, "connect", connect)
    return made


@pytest.fixture
def up(project, monkeypatch):
    """A local cloud of the project that is up."""
    project.is_up(environment("http://127.0.0.1:4566"))
    monkeypatch.setattr(Cloud, "answers", lambda cloud: cloud.is_local)


@pytest.fixture
def refused(calls, capsys):
    """The one line by which a command is refused, before any call."""

    def refused(*words):
        assert main(words) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n"), calls) == ("", 1, [])
        return err

    return refused


@every(READS, CHANGES)
def test_without_a_local_cloud_and_without_aws_a_command_calls_nothing_and_explains_what_to_do(refused, words):
    err = refused(*words, *(["--yes"] if words in CHANGES else []))
    assert err == "millrace: No local cloud is up here. Start one with `millrace up`, or pass --aws to go to AWS.\n"


@every(READS, CHANGES)
def test_an_endpoint_elsewhere_is_refused_without_aws(refused, monkeypatch, words):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://events.example.com")
    assert "https://events.example.com, which is not a loopback address" in refused(*words)


@every(CHANGES)
def test_a_change_of_aws_needs_a_terminal_or_yes(refused, words):
    assert "no terminal to confirm it at: pass --yes" in refused(*words, "--aws")


@every(READS_OF_AWS, CHANGES)
@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EVENTS"])
def test_an_endpoint_on_this_machine_is_refused_with_aws(refused, up, monkeypatch, name, words):
    monkeypatch.setenv(name, "http://127.0.0.1:4566")
    assert f"{name} is http://127.0.0.1:4566, on this machine" in refused(*words, "--aws")


@every(READS_OF_AWS, CHANGES)
def test_with_aws_a_command_goes_there_although_a_local_cloud_is_up_and_explains_missing_credentials(
    calls, up, capsys, words
):
    assert main([*words, "--aws", *(["--yes"] if words in CHANGES else [])]) == 1
    *_, last = capsys.readouterr().err.splitlines()
    assert last.startswith("millrace: Unable to locate credentials. Set up the AWS credentials")
    assert {url.endswith((".amazonaws.com", ".eu-west-1.api.aws")) for url, _ in calls} == {True}


@pytest.mark.parametrize("words", READS_OF_AWS, ids=" ".join)
def test_reading_is_not_confirmed(calls, capsys, words):
    main([*words, "--aws"])
    assert "GetCallerIdentity" not in [operation for _, operation in calls]


def test_an_endpoint_of_the_configuration_file_on_this_machine_is_refused(project, calls):
    Path("config").write_text("[default]\nendpoint_url = http://localhost:4566\n")
    with pytest.raises(UsageError, match="leads events to http://localhost:4566, on this machine"):
        Target(aws=True).cloud(project).client("events")


def test_a_note_of_a_local_cloud_elsewhere_is_not_followed(project, calls):
    project.is_up(environment("http://events.example.com"))
    assert local_cloud(project.noted_cloud()) is None


def test_an_endpoint_at_which_nothing_answers_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main(["trace", "flow"]) == 2
    assert "No local cloud answers at AWS_ENDPOINT_URL=http://127.0.0.1:1." in capsys.readouterr().err


@pytest.fixture
def answer(monkeypatch):
    """Let a person answer; an exception is what the answer ends with."""
    questions = []

    def answer(given):
        def typed():
            questions.append(given)
            if isinstance(given, type):
                raise given
            return given

        monkeypatch.setattr(console, "has_person", lambda: True)
        monkeypatch.setattr("builtins.input", typed)
        return questions

    return answer


@pytest.mark.parametrize(("given", "status"), [("no", 2), ("y", 2), ("", 2), (EOFError, 2), (KeyboardInterrupt, 130)])
def test_without_a_yes_nothing_is_put(calls, answer, given, status):
    questions = answer(given)
    assert main([*PUT, "--aws"]) == status
    assert questions == [given]
    assert [operation for _, operation in calls] == ["GetCallerIdentity"]


@pytest.mark.parametrize("words", [["--yes"], []], ids=["yes", "a person"])
def test_a_change_names_account_region_and_stack_and_is_made_on_aws(up, answer, monkeypatch, capsys, words):
    questions = answer("yes")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        events = Cloud(None).client("events")
        events.create_event_bus(Name="shop")
        assert main([*PUT, "--aws", *words]) == 0
        events.delete_event_bus(Name="shop")  # another mock may be active around this one
    out, err = capsys.readouterr()
    assert err.startswith("AWS account 123456789012 (arn:aws:sts::123456789012:")
    assert "region eu-west-1, stack Shop" in err
    assert ("StockDelivered is on the bus of AWS.\nSee its effects: " in out, len(questions)) == (
        True,
        0 if words else 1,
    )


@pytest.fixture
def released_ids(monkeypatch):
    """The ids of the released dead letters. One dead letter exists."""
    released = []
    dead_letter = SimpleNamespace(id="5cbe", of="award_points")
    monkeypatch.setattr("millrace.operations.dead_letters.receive", lambda *_: [dead_letter])
    monkeypatch.setattr("millrace.operations.dead_letters.failed_executions", lambda *_: [])
    monkeypatch.setattr(
        "millrace.operations.dead_letters.release", lambda _, found: released.extend(each.id for each in found)
    )
    return released


@pytest.mark.parametrize("command", ["redrive", "purge"])
@pytest.mark.parametrize(("given", "status"), [("no", 2), (KeyboardInterrupt, 130)])
def test_dead_letters_are_released_if_the_action_is_not_confirmed(
    calls, answer, released_ids, capsys, command, given, status
):
    answer(given)
    assert main(["dlq", command, "--all", "--aws"]) == status
    verb = {"redrive": "Redrive", "purge": "Delete"}[command]
    assert f"{verb} 1 dead letter of award_points? [yes/no]" in capsys.readouterr().err
    assert (released_ids, len(calls)) == (["5cbe"], 1)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:4566", True),
        ("http://127.8.8.8", True),
        ("https://LOCALHOST:1/", True),
        ("http://shop.localhost:4566", True),
        ("http://[::1]:4566", True),
        ("http://[::ffff:127.0.0.1]:4566", True),
        ("http://0.0.0.0:4566", True),
        ("https://events.eu-west-1.amazonaws.com", False),
        ("http://10.0.0.1:4566", False),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1@example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("file://localhost/etc", False),
        ("127.0.0.1:4566", False),
        ("", False),
    ],
)
def test_only_loopback_addresses_are_on_this_machine(url, here):
    assert is_on_this_machine(url) is here


def test_expired_credentials_are_explained_in_one_line():
    error = ClientError({"Error": {"Code": "ExpiredToken", "Message": "The token is expired"}}, "PutEvents")
    assert explained(error).endswith("The token is expired. Renew your credentials.")


def test_expired_credentials_are_not_reported_as_a_missing_stack(calls, monkeypatch, capsys):
    def expired(_client, operation, _given):
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "It is expired"}}, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", expired)
    assert main(["dlq", "list", "--aws"]) == 1
    assert capsys.readouterr().err.endswith("ListStackResources operation: It is expired. Renew your credentials.\n")


@pytest.mark.parametrize("error", [ValueError("a bug"), json.JSONDecodeError("a bug", "", 0)])
def test_any_other_error_keeps_its_traceback(monkeypatch, error):
    def fails(*_, **__):
        raise error

    monkeypatch.setattr(Target, "cloud", fails)
    with pytest.raises(ValueError, match="a bug"):
        main(["trace", "flow"])
