"""Commands: their contract, their idempotency key, and what is published."""

from types import SimpleNamespace

import pytest
from pydantic import Field
from request_kit import CONTEXT, content, problems, request

from millrace.events import Event
from millrace.runtime.api import commands
from millrace.runtime.environment import event_types

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class PourCup(Event, source="test.kitchen", version=2):
    cup: str
    drops: int = Field(default=1, gt=0)


@pytest.fixture(autouse=True)
def published(monkeypatch):
    """The envelopes that are published; the API takes PourCup."""
    sent = []
    monkeypatch.setenv("MILLRACE_COMMANDS", f"{__name__}:PourCup")
    monkeypatch.setenv("MILLRACE_RESULT_PATHS", "PourCup=/cups/{cup}/{drops} Other=/x")
    monkeypatch.setattr(commands, "publisher", lambda: SimpleNamespace(publish=sent.extend))
    for cached in (event_types, commands._result_paths, commands._document):
        cached.cache_clear()
    yield sent
    for cached in (event_types, commands._result_paths, commands._document):
        cached.cache_clear()


@pytest.fixture
def once(records, monkeypatch):
    """Records of the commands that came with a key."""
    monkeypatch.setattr("millrace.runtime.idempotency.records", lambda: records)
    return records


def send(body=None, command="PourCup", **more):
    given = {"cup": "blue"} if body is None else body
    return commands.handler(request("POST /commands/{command}", given, path={"command": command}, **more), CONTEXT)


def test_a_command_is_published_and_accepted(published):
    response = send({"cup": "blue", "drops": 3}, authorizer={"jwt": {"claims": {"sub": "ada"}}})
    (envelope,) = published
    metadata = envelope["detail"]["metadata"]
    assert (envelope["source"], envelope["detail-type"]) == ("test.kitchen", "PourCup")
    assert envelope["detail"]["data"] == {"cup": "blue", "drops": 3}
    assert (metadata["producer"], metadata["version"], metadata["correlation_id"]) == ("ada", 2, metadata["event_id"])
    assert (response["statusCode"], response["headers"]["location"], content(response)) == (
        202,
        "/cups/blue/3",
        {
            "command": "PourCup",
            "event_id": metadata["event_id"],
            "correlation_id": metadata["event_id"],
            "result_path": "/cups/blue/3",
        },
    )


@pytest.mark.parametrize(
    ("cup", "path"), [("a/b?c#d", "a%2Fb%3Fc%23d"), ("\r\nX: y", "%0D%0AX%3A%20y"), ("ü", "%C3%BC")]
)
def test_values_of_a_command_cannot_change_the_path_of_its_result(cup, path):
    response = send({"cup": cup})
    assert response["headers"]["location"] == f"/cups/{path}/1" == content(response)["result_path"]


def test_commands_without_a_key_have_ids_of_their_own(published):
    send()
    send()
    first, second = (envelope["detail"]["metadata"] for envelope in published)
    assert first["event_id"] < second["event_id"]
    assert "idempotency_key" not in first


def test_a_command_without_a_query_has_no_location(published, monkeypatch):
    monkeypatch.delenv("MILLRACE_RESULT_PATHS")
    response = send()
    assert response["headers"] == {"content-type": "application/json"}
    assert "result_path" not in content(response)
    assert published[0]["detail"]["metadata"]["producer"] == "api"


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({}, 422, ["cup"]),
        ({"cup": "x", "drops": 0}, 422, ["drops"]),
        ({"cup": "x", "drops": "1"}, 422, ["drops"]),
        ({"cup": "x", "colour": "red"}, 422, ["colour"]),
        ([], 422, ["body"]),
        ("{no json", 400, ["body"]),
    ],
)
def test_a_command_that_breaks_its_contract_is_a_problem(published, body, status, fields):
    response = send(body)
    assert (problems(response)[0], [name for name, _ in problems(response)[1]]) == (status, fields)
    assert published == []


def test_a_command_that_is_not_an_object_is_a_problem():
    body = content(send([1]))
    assert body["detail"] == "PourCup is not an object. Send a JSON object."
    assert body["problems"] == [{"field": "body", "value": "[1]", "reason": "should be an object"}]


def test_an_unknown_command_is_404(monkeypatch):
    response = send(command="TearCup")
    assert problems(response) == (404, [])
    assert content(response)["detail"] == "There is no command 'TearCup'. This API has: PourCup."
    event_types.cache_clear()
    monkeypatch.delenv("MILLRACE_COMMANDS")
    assert content(send())["detail"].endswith("This API has: none.")


def test_a_command_is_json(published):
    response = send(content_type="text/plain")
    assert problems(response) == (415, [("content-type", "text/plain")])
    assert content(response)["detail"] == "The content type should be application/json."
    assert send(content_type="application/json; charset=utf-8")["statusCode"] == 202


@pytest.mark.parametrize(("given", "kept"), [(TRACE, True), (TRACE + "0", False), ("x" + TRACE, False)])
def test_a_trace_goes_on_if_it_is_well_formed(published, given, kept):
    """https://www.w3.org/TR/trace-context/#traceparent-header"""
    send(traceparent=given)
    assert (published[0]["detail"]["metadata"].get("traceparent") == given) is kept


def test_the_document_is_the_file_in_the_code(tmp_path, monkeypatch):
    (tmp_path / "openapi.json").write_text('{"openapi": "3.1.0"}')
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    response = commands.handler(request("GET /openapi.json"), CONTEXT)
    assert (response["statusCode"], response["body"]) == (200, '{"openapi": "3.1.0"}')


# -- idempotency keys ----------------------------------------------------------------------------------------------


def test_the_same_key_is_the_same_command(published, once):
    first, second, other = (send(idempotency_key=key) for key in ("once", "once", "twice"))
    assert content(first) == content(second) != content(other)
    assert [e["detail"]["metadata"]["idempotency_key"] for e in published] == ["once", "twice"]


def test_the_id_of_a_command_follows_from_caller_command_and_key(published, once):
    for subject in ("ada", "bob", "ada"):
        send(idempotency_key="k", authorizer={"jwt": {"claims": {"sub": subject}}})
    assert [e["detail"]["metadata"]["event_id"] for e in published] == [
        "cb34d7bd-6902-59f4-bfac-44c310c8d61b",
        "73549d80-3a9c-5f03-b951-8901319c2cb1",
    ]


def test_a_key_of_another_command_is_a_problem(published, once):
    send(idempotency_key="k")
    response = send({"cup": "red"}, idempotency_key="k")
    assert problems(response) == (422, [("idempotency-key", "k")])
    assert content(response)["problems"][0]["reason"] == "was sent with another command before"
    assert content(response)["detail"].startswith("This idempotency-key was sent with another command before: choose")


def test_a_command_that_is_being_handled_is_a_conflict(published, once):
    send(idempotency_key="k")
    (taken,) = once.results
    once.results[taken] = None
    response = send(idempotency_key="k")
    assert problems(response) == (409, [])
    assert (
        content(response)["detail"] == "A request with this idempotency-key is in progress. Send it again in a moment."
    )


@pytest.mark.parametrize("key", ["two words", "", "ä", "x" * 256])
def test_a_key_has_1_to_255_printable_characters(published, once, key):
    response = send(idempotency_key=key)
    assert problems(response) == (400, [("idempotency-key", key if len(key) < 200 else "x" * 200 + "…")])
    assert content(response)["detail"] == "The idempotency-key should be 1 to 255 printable ASCII characters."
    assert send(idempotency_key="x" * 255)["statusCode"] == 202


def test_the_time_of_a_command_is_that_of_its_function(published, once, monkeypatch):
    times = []
    monkeypatch.setattr(once, "begin", lambda _key, milliseconds, _fingerprint: times.append(milliseconds))
    send(idempotency_key="k")
    assert times == [60_000]
