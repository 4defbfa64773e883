"""Queries and pages: parameters, responses, versions and cursors."""

import base64
import importlib
from decimal import Decimal
from types import SimpleNamespace
from typing import Annotated

import pytest
from botocore.exceptions import ClientError
from pydantic import BaseModel, Field, ValidationError
from request_kit import content, problems, request

from millrace.runtime import Page, Paging, ReadModel, SignatureError, Table, View, query

MODULE = importlib.import_module("millrace.runtime.api.query")  # the package has a function of this name


class Note(BaseModel):
    note_id: str
    version: int = 0


class NoteView(View, key="note_id"):
    note_id: str


@query("/notes/{note_id}")
def one(note_id: str, notes: Table) -> Note | None:
    """The note of an id."""
    return notes.get(note_id)


@query("/notes")
def some(notes: Table, paging: Paging, stars: Annotated[int, Field(le=5)] = 0) -> Page[Note]:
    if isinstance(notes, Exception):
        raise notes
    return Page[Note].of({"Items": [{"note_id": f"{stars}"}], "LastEvaluatedKey": paging.arguments}, Note)


@pytest.fixture
def notes(monkeypatch):
    """The table `notes`, as a dictionary of notes."""
    notes = {}
    monkeypatch.setattr(MODULE, "open_table", lambda name: {"notes": notes}[name])
    return notes


def found(note_id, **parameters):
    return one(request("GET /notes/{note_id}", path={"note_id": note_id}, query=parameters or None), None)


def page(**parameters):
    return some(request("GET /notes", query=parameters), None)


def test_a_query_reads_its_path_and_its_tables(notes):
    notes["n-1"] = Note(note_id="n-1", version=3)
    response = found("n-1")
    assert (response["statusCode"], content(response)) == (200, {"note_id": "n-1", "version": 3})


def test_a_query_is_still_the_function_that_it_decorates():
    notes = {"n-1": Note(note_id="n-1")}
    assert one("n-1", notes) == one(note_id="n-1", notes=notes) == notes["n-1"]
    assert one.__name__ == "one"


def test_a_query_that_finds_nothing_is_404(notes):
    response = found("n-9")
    assert problems(response) == (404, [])
    assert content(response)["detail"] == "one has no result for note_id n-9."


@pytest.mark.parametrize(
    ("parameters", "field"),
    [({"stars": "six"}, "stars"), ({"stars": "6"}, "stars"), ({"colour": "red"}, "colour"), ({"after": "1"}, "after")],
)
def test_a_parameter_that_does_not_fit_is_a_problem(notes, parameters, field):
    assert problems(page(**parameters)) == (400, [(field, parameters[field])])


def test_a_query_takes_its_other_parameters_from_the_query_string(notes):
    assert content(page(stars="4"))["items"] == [{"note_id": "4", "version": 0}]
    assert content(page())["items"] == [{"note_id": "0", "version": 0}]


def test_a_parameter_of_the_path_wins_over_the_query_string(notes):
    notes["n-1"] = Note(note_id="n-1")
    payload = request("GET /notes/{note_id}", path={"note_id": "n-1"}, query={"note_id": "n-2"})
    assert content(one(payload))["note_id"] == "n-1"


# -- versions ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pauses(monkeypatch):
    """The pauses of a query; each advances its clock."""
    pauses = []
    monkeypatch.setattr(MODULE, "time", SimpleNamespace(monotonic=lambda: sum(pauses), sleep=pauses.append))
    return pauses


@pytest.mark.parametrize("after", ["soon", "-1", "²", "1.5", ""])
def test_a_version_is_a_whole_number(notes, after):
    assert problems(found("n-1", after=after)) == (400, [("after", after)])


def test_a_query_waits_for_the_version_of_its_caller(notes, pauses, monkeypatch):
    def written(pause):
        pauses.append(pause)
        notes["n-1"] = Note(note_id="n-1", version=2)

    monkeypatch.setattr(MODULE.time, "sleep", written)
    notes["n-1"] = Note(note_id="n-1", version=1)
    assert content(found("n-1", after="2"))["version"] == 2
    assert pauses == [0.05]


def test_a_query_does_not_wait_for_a_version_that_is_there(notes, pauses):
    notes["n-1"] = Note(note_id="n-1", version=2)
    assert [content(found("n-1", after=after))["version"] for after in "012"] == [2, 2, 2]
    assert pauses == []


def test_a_version_that_does_not_come_within_5_seconds_is_a_conflict(notes, pauses):
    notes["n-1"] = Note(note_id="n-1", version=1)
    response = found("n-1", after="9")
    assert problems(response) == (409, [("after", "9")])
    assert content(response)["detail"] == "after = 9: the read model is at version 1 after 5 s. Retry later."
    assert 5 <= sum(pauses) < 5.1


def test_a_query_waits_for_a_row_that_is_not_there_yet(notes, pauses):
    response = found("n-1", after="1")
    assert "is at version 0 after 5 s" in content(response)["detail"]


# -- pages ---------------------------------------------------------------------------------------------------------


def test_a_cursor_leads_to_the_next_page(notes):
    first = Paging.of({"limit": "1"})
    assert (first.arguments, Paging.of({}).arguments) == ({"Limit": 1}, {"Limit": 20})
    key = {"author": "ä~?", "number": Decimal(2), "part": Decimal("0.5")}
    cursor = Page[Note].of({"Items": [], "LastEvaluatedKey": key}, Note).next
    assert Paging.of({"limit": "100", "cursor": cursor}).arguments == {"Limit": 100, "ExclusiveStartKey": key}


def test_the_last_page_has_no_cursor():
    last = Page[Note].of({"Items": [{"note_id": "a"}]}, Note)
    assert (last.items, last.next) == ([Note(note_id="a")], None)


def test_a_cursor_has_only_characters_of_a_url():
    cursors = [Page[Note].of({"Items": [], "LastEvaluatedKey": {"k": "?" * n + "ÿ>"}}, Note).next for n in range(6)]
    assert all(cursor.replace("-", "").replace("_", "").isalnum() for cursor in cursors)
    assert [Paging.of({"cursor": cursor}).start for cursor in cursors] == [{"k": "?" * n + "ÿ>"} for n in range(6)]


def test_a_key_of_another_type_makes_no_cursor():
    with pytest.raises(TypeError, match="b'x' is part of a key, but a cursor cannot contain it"):
        Page[Note].of({"Items": [], "LastEvaluatedKey": {"k": b"x"}}, Note)


@pytest.mark.parametrize("limit", ["0", "101", "-1", "²", "x", "", "1.0"])
def test_a_limit_is_a_number_from_1_to_100(notes, limit):
    response = page(limit=limit)
    assert problems(response) == (400, [("limit", limit)])
    assert content(response)["detail"] == f"limit = {limit!r} should be a number from 1 to 100."


@pytest.mark.parametrize("name", ["limit", "after"])
def test_number_with_thousands_of_digits_is_a_problem(notes, name):
    response = page(limit="9" * 5_000) if name == "limit" else found("n-1", after="9" * 5_000)
    assert (problems(response)[0], problems(response)[1][0][0]) == (400, name)


HOSTILE = [
    base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
    for text in (f'{{"a":1{"0" * 40}1}}', '{"a":1e-999}', '{"a":"\\ud800"}')
]
"""Cursors with keys that boto3 cannot send."""


@pytest.mark.parametrize(
    "cursor", ["", "no cursor", "ä", "WzFd", "e30", "eyJhIjpudWxsfQ", "eyJhIjpbMV19", "W" * 9, *HOSTILE]
)
def test_a_cursor_of_no_page_is_404(notes, cursor):
    response = page(cursor=cursor)
    assert problems(response) == (404, [("cursor", cursor)])
    assert "send the `next` of the previous page" in content(response)["detail"]


def refused(code):
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Query")


def test_a_cursor_that_dynamodb_refuses_is_404(monkeypatch):
    error = refused("ValidationException")
    monkeypatch.setattr(MODULE, "open_table", lambda _name: error)
    assert problems(page(cursor="eyJhIjoxfQ")) == (404, [("cursor", "eyJhIjoxfQ")])
    with pytest.raises(ClientError):
        page()


def test_other_errors_of_dynamodb_are_raised(monkeypatch):
    monkeypatch.setattr(MODULE, "open_table", lambda _name: refused("ThrottlingException"))
    with pytest.raises(ClientError):
        page(cursor="eyJhIjoxfQ")


# -- declarations --------------------------------------------------------------------------------------------------


def test_a_declaration_has_what_the_construct_needs():
    @query("/orders/{order_id}/lines/{line}")
    def handler(
        order_id: str, line: int, orders: Table, views: ReadModel[NoteView], at: Paging, kind: str = "x"
    ) -> Page[Note]:
        """Finds lines."""

    known = handler.declaration
    assert (known.in_path, known.paging, known.versioned) == (("order_id", "line"), "at", False)
    assert known.resources == {"orders": "Table", "views": "ReadModel"}
    assert (known.path, known.description, known.returns) == (
        "/orders/{order_id}/lines/{line}",
        "Finds lines.",
        Page[Note],
    )
    assert {name: field.is_required() for name, field in known.parameters.model_fields.items()} == {
        "order_id": True,
        "line": True,
        "kind": False,
    }
    assert (known.module, known.attribute.rpartition(".")[2]) == (__name__, "handler")


def test_the_parameters_of_a_query_are_checked():
    @query("/all")
    def handler(notes: Table, stars: Annotated[int, Field(le=5)] = 0) -> Note | None: ...

    parameters = handler.declaration.parameters
    assert parameters.model_validate({"stars": "5"}).stars == 5
    for wrong, field in (({"stars": "6"}, "stars"), ({"colour": "red"}, "colour")):
        with pytest.raises(ValidationError) as caught:
            parameters.model_validate(wrong)
        assert caught.value.errors()[0]["loc"] == (field,)


def test_a_query_without_parameters_that_finds_nothing_is_404(notes):
    @query("/all")
    def handler(notes: Table) -> Note | None: ...

    assert content(handler(request("GET /all")))["detail"] == "handler has no result for this request."


def test_a_result_with_a_version_is_versioned():
    assert one.declaration.versioned
    assert (one.declaration.paging, one.declaration.description) == (None, "The note of an id.")


def test_what_a_query_cannot_mean_is_refused():
    def no_slash(a: str) -> Note: ...
    def no_parameter(b: str) -> Note: ...
    def no_hint(a) -> Note: ...
    def own_name(a: str, limit: int) -> Note: ...
    def no_model(a: str) -> str: ...
    def two_models(a: str) -> Note | NoteView: ...
    def model_or_text(a: str) -> Note | str: ...

    cases = [
        ("a/{a}", no_slash, "write one that starts with /"),
        ("/{a}", no_parameter, "has no parameter 'a', which is in its path /{a}: add 'a: str'"),
        ("/{a}", no_hint, "the parameter 'a' has no annotation"),
        ("/{a}", own_name, "the parameter 'limit'"),
        ("/{a}", no_model, "write a pydantic model"),
        ("/{a}", two_models, "write a pydantic model"),
        ("/{a}", model_or_text, "write a pydantic model"),
    ]
    for path, function, why in cases:
        with pytest.raises(SignatureError, match=f"{function.__name__}.*{why.replace('{', '.').replace('}', '.')}"):
            query(path)(function)
