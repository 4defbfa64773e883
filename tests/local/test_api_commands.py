"""The Api construct: commands and queries over HTTP."""

import json

import pytest
from http_kit import NOTE

pytest_plugins = ["notes_api_fixtures"]


def problem(answer):
    """Return the status and the invalid fields of a problem response."""
    body = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json", answer.body
    return answer.status, [each["field"] for each in body.get("problems", [])]


def test_command_is_published_and_returns_location(public, empty_cloud, get):
    answer = public.send(
        "POST", "/commands/WriteNote", {"author": "ada", "note_id": "n-1", "text": "Call.", "stars": 4}
    )
    empty_cloud.settle()
    body = json.loads(answer.body)
    assert (answer.status, answer.headers["location"], body["result_path"]) == (202, "/notes/ada/n-1", "/notes/ada/n-1")
    assert get(answer.headers["location"])["text"] == "Call."
    assert empty_cloud.trace(body["correlation_id"]).names() == ["WriteNote"]


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({"author": "ada", "note_id": "n-1"}, 422, ["text"]),
        ({"author": "Ada!", "note_id": "n-1", "text": "x"}, 422, ["author"]),
        ({"author": "ada", "note_id": "n-1", "text": "x", "stars": "4"}, 422, ["stars"]),
        ({"author": "ada", "note_id": "n-1", "text": "x", "colour": "red"}, 422, ["colour"]),
        (b"[]", 422, ["body"]),
        (b"{not json", 400, ["body"]),
    ],
)
def test_invalid_command_returns_problem_with_its_fields(public, body, status, fields):
    assert problem(public.send("POST", "/commands/WriteNote", body)) == (status, fields)


def test_problem_has_value_reason_and_fix(public):
    body = json.loads(public.send("POST", "/commands/WriteNote", {"author": "Ada!", "note_id": "n", "text": "x"}).body)
    assert body["problems"][0]["value"] == "Ada!"
    assert "should match pattern" in body["problems"][0]["reason"]
    assert body["detail"].endswith("Send data that matches the contract of WriteNote.")


def test_unsupported_content_type_and_unknown_command_are_rejected(public):
    other = public.send("POST", "/commands/WriteNote", b"x=1", content_type="application/x-www-form-urlencoded")
    none = public.send("POST", "/commands/ShredNote", {})
    assert (problem(other), none.status) == ((415, ["content-type"]), 404)
    assert "This API has: WriteNote." in json.loads(none.body)["detail"]


def test_query_without_a_result_is_not_found(public):
    answer = public.send("GET", "/notes/ada/never-written")
    assert (problem(answer)[0], "note_id never-written" in json.loads(answer.body)["detail"]) == (404, True)


def test_cursors_lead_through_all_pages(write_note, get):
    for number in range(5):
        write_note(author="pages", note_id=f"p-{number}")
    first = get("/notes/pages?limit=2")
    second = get(f"/notes/pages?limit=2&cursor={first['next']}")
    last = get(f"/notes/pages?limit=2&cursor={second['next']}")
    assert [note["note_id"] for page in (first, second, last) for note in page["items"]] == [f"p-{n}" for n in range(5)]
    assert last["next"] is None


def test_query_has_parameters_from_query_string(write_note, get):
    write_note(author="stars", note_id="few", stars=1)
    write_note(author="stars", note_id="many", stars=5)
    assert [note["note_id"] for note in get("/notes/stars?stars=3")["items"]] == ["many"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/notes/ada?stars=six", "stars"),
        ("/notes/ada?stars=6", "stars"),
        ("/notes/ada?colour=red", "colour"),
        ("/notes/ada?limit=0", "limit"),
        ("/notes/ada?limit=101", "limit"),
        ("/notes/ada/n-1?after=soon", "after"),
    ],
)
def test_invalid_parameter_returns_problem_with_its_name(public, path, field):
    assert problem(public.send("GET", path)) == (400, [field])


@pytest.mark.parametrize("cursor", ["", "no-cursor", "WzFd", "%C3%A4"])
def test_invalid_cursor_is_not_found(public, cursor):
    assert problem(public.send("GET", f"/notes/ada?cursor={cursor}")) == (404, ["cursor"])


def test_query_with_after_waits_for_the_version(public, empty_cloud, get):
    note = {"author": "waits", "note_id": "w-1", "text": "x"}
    public.send("POST", "/commands/WriteNote", note)
    assert get("/notes/waits/w-1?after=1")["version"] == 1
    empty_cloud.settle()


def test_missing_version_is_a_conflict_with_the_current_version(write_note, public):
    write_note(author="late", note_id="l-1")
    answer = public.send("GET", "/notes/late/l-1?after=9")
    assert problem(answer) == (409, ["after"])
    assert "is at version 1 after" in json.loads(answer.body)["detail"]


def test_openapi_document_describes_the_api(get):
    document = get("/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert document["paths"].keys() == {
        "/commands/WriteNote",
        "/notes/{author}/{note_id}",
        "/notes/{author}",
        "/events",
        "/callbacks/{id}",
        "/openapi.json",
    }
    names = [each["name"] for each in document["paths"]["/notes/{author}"]["get"]["parameters"]]
    assert names == ["author", "stars", "limit", "cursor"]


def test_repeated_idempotency_key_returns_the_same_response(write_note, get):
    first, second, other = (write_note(key, author="keys", note_id="k-1") for key in ("once", "once", "twice"))
    assert first == second != other
    assert get("/notes/keys/k-1")["version"] == 2


def test_idempotency_key_of_another_command_is_rejected(write_note, public):
    write_note("reused", author="keys", note_id="k-2")
    answer = public.send("POST", "/commands/WriteNote", {**NOTE, "note_id": "k-3"}, idempotency_key="reused")
    assert problem(answer) == (422, ["idempotency-key"])


def test_idempotency_key_with_invalid_characters_is_rejected(public):
    assert problem(public.send("POST", "/commands/WriteNote", NOTE, idempotency_key="two words")) == (
        400,
        ["idempotency-key"],
    )
