"""The Api construct: commands and queries over HTTP."""

import json

import pytest
from http_kit import NOTE

pytest_plugins = ["notes_api_fixtures"]


def problem(answer):
    """Status, and the fields that are in the way."""
    body = json.loads(answer.body)
    assert answer.headers["content-type"] == "application/problem+json", answer.body
    return answer.status, [each["field"] for each in body.get("problems", [])]


def test_a_command_is_put_onto_the_bus_and_answered_with_where_to_ask(public, empty_cloud, get):
    answer = public.ask("POST", "/commands/WriteNote", {"author": "ada", "note_id": "n-1", "text": "Call.", "stars": 4})
    empty_cloud.settle()
    told = json.loads(answer.body)
    assert (answer.status, answer.headers["location"], told["ask"]) == (202, "/notes/ada/n-1", "/notes/ada/n-1")
    assert get(answer.headers["location"])["text"] == "Call."
    assert empty_cloud.trace(told["correlation_id"]).names() == ["WriteNote"]


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({"author": "ada", "note_id": "n-1"}, 422, ["text"]),
        ({"author": "Ada!", "note_id": "n-1", "text": "x"}, 422, ["author"]),
        ({"author": "ada", "note_id": "n-1", "text": "x", "stars": "4"}, 422, ["stars"]),
        ({"author": "ada", "note_id": "n-1", "text": "x", "colour": "red"}, 422, ["colour"]),
        (b"[]", 422, ["body"]),
        (b"{no json", 400, ["body"]),
    ],
)
def test_a_command_that_breaks_its_contract_is_a_problem_that_names_the_field(public, body, status, fields):
    assert problem(public.ask("POST", "/commands/WriteNote", body)) == (status, fields)


def test_a_problem_names_value_reason_and_mend(public):
    body = json.loads(public.ask("POST", "/commands/WriteNote", {"author": "Ada!", "note_id": "n", "text": "x"}).body)
    assert body["problems"][0]["value"] == "Ada!"
    assert "should match pattern" in body["problems"][0]["reason"]
    assert body["detail"].endswith("Send what the contract of WriteNote asks for.")


def test_a_command_of_another_type_or_that_is_none_is_refused(public):
    other = public.ask("POST", "/commands/WriteNote", b"x=1", content_type="application/x-www-form-urlencoded")
    none = public.ask("POST", "/commands/TearNote", {})
    assert (problem(other), none.status) == ((415, ["content-type"]), 404)
    assert "This API takes: WriteNote." in json.loads(none.body)["detail"]


def test_a_query_that_finds_nothing_is_not_found(public):
    answer = public.ask("GET", "/notes/ada/never-written")
    assert (problem(answer)[0], "note_id never-written" in json.loads(answer.body)["detail"]) == (404, True)


def test_pages_lead_from_one_to_the_next_until_all_is_found(write, get):
    for number in range(5):
        write(author="pages", note_id=f"p-{number}")
    first = get("/notes/pages?limit=2")
    second = get(f"/notes/pages?limit=2&cursor={first['next']}")
    last = get(f"/notes/pages?limit=2&cursor={second['next']}")
    assert [note["note_id"] for page in (first, second, last) for note in page["items"]] == [f"p-{n}" for n in range(5)]
    assert last["next"] is None


def test_a_query_takes_its_other_parameters_from_the_query_string(write, get):
    write(author="stars", note_id="few", stars=1)
    write(author="stars", note_id="many", stars=5)
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
def test_a_parameter_that_does_not_fit_is_a_problem_that_names_it(public, path, field):
    assert problem(public.ask("GET", path)) == (400, [field])


@pytest.mark.parametrize("cursor", ["", "no-cursor", "WzFd", "%C3%A4"])
def test_a_cursor_that_leads_nowhere_is_not_found(public, cursor):
    assert problem(public.ask("GET", f"/notes/ada?cursor={cursor}")) == (404, ["cursor"])


def test_whoever_asks_for_a_version_waits_until_it_is_there(public, empty_cloud, get):
    note = {"author": "waits", "note_id": "w-1", "text": "x"}
    public.ask("POST", "/commands/WriteNote", note)
    assert get("/notes/waits/w-1?after=1")["version"] == 1
    empty_cloud.settle()


def test_a_version_that_does_not_come_is_a_conflict_with_where_things_stand(write, public):
    write(author="late", note_id="l-1")
    answer = public.ask("GET", "/notes/late/l-1?after=9")
    assert problem(answer) == (409, ["after"])
    assert "is at version 1 after" in json.loads(answer.body)["detail"]


def test_the_document_is_published_and_says_what_the_api_takes(get):
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


def test_the_same_key_is_the_same_command_with_the_same_answer(write, get):
    first, second, other = (write(key, author="keys", note_id="k-1") for key in ("once", "once", "twice"))
    assert first == second != other
    assert get("/notes/keys/k-1")["version"] == 2


def test_a_key_that_was_sent_with_another_command_is_refused(write, public):
    write("reused", author="keys", note_id="k-2")
    answer = public.ask("POST", "/commands/WriteNote", {**NOTE, "note_id": "k-3"}, idempotency_key="reused")
    assert problem(answer) == (422, ["idempotency-key"])


def test_a_key_of_other_characters_is_refused(public):
    assert problem(public.ask("POST", "/commands/WriteNote", NOTE, idempotency_key="two words")) == (
        400,
        ["idempotency-key"],
    )
