"""Events from outside, and the answers to callbacks: who may send them, and what is published."""

from types import SimpleNamespace

import pytest
from request_kit import bearer, content, problems, request

from millrace.events import Event
from millrace.runtime.api import callbacks, ingress
from millrace.runtime.environment import event_types
from millrace.runtime.tokens import DifferentAnswerError

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
SENT = {"specversion": "1.0", "id": "e-1", "source": "test.post", "type": "CupArrived", "data": {"cup": "blue"}}


class CupArrived(Event, source="test.post", external=True):
    cup: str


class CupRepaired(Event, source="test.potter", external=True):
    cup: str


@pytest.fixture(autouse=True)
def published(monkeypatch):
    """The envelopes that are published; anyone may send the two events."""
    sent = []
    monkeypatch.setenv("MILLRACE_EXTERNAL_EVENTS", f"{__name__}:CupArrived {__name__}:CupRepaired")
    monkeypatch.setenv("MILLRACE_AUTHORIZER", "none")
    monkeypatch.delenv("MILLRACE_CALLERS", raising=False)
    monkeypatch.setattr(ingress, "publisher", lambda: SimpleNamespace(publish=sent.extend))
    _clear()
    yield sent
    _clear()


def _clear():
    for cached in (event_types, ingress._declared, ingress._callers):
        cached.cache_clear()


def send(body=None, content_type=STRUCTURED, authorizer=None, **changed):
    whole = {**SENT, **changed} if body is None else body
    return ingress.handler(request("POST /events", whole, content_type=content_type, authorizer=authorizer), None)


def test_a_structured_event_is_published_and_accepted(published):
    response = send(correlationid="c-1")
    (envelope,) = published
    metadata = envelope["detail"]["metadata"]
    assert (envelope["source"], envelope["detail-type"]) == ("test.post", "CupArrived")
    assert envelope["detail"]["data"] == {"cup": "blue"}
    accepted = [{"event_id": metadata["event_id"], "correlation_id": "c-1"}]
    assert (response["statusCode"], content(response)) == (202, {"accepted": accepted})


def test_a_binary_event_is_published(published):
    headers = {"ce_specversion": "1.0", "ce_id": "b-1", "ce_source": "test.post", "ce_type": "CupArrived"}
    payload = request("POST /events", {"cup": "red"}, **headers)
    assert (ingress.handler(payload, None)["statusCode"], published[0]["detail"]["data"]) == (202, {"cup": "red"})


def test_a_batch_is_published_whole(published):
    """https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md#4-json-batch-format"""
    response = send([{**SENT, "id": f"e-{n}"} for n in range(100)], BATCH)
    ids = [each["event_id"] for each in content(response)["accepted"]]
    assert ids == [envelope["detail"]["metadata"]["event_id"] for envelope in published]
    assert len(set(ids)) == 100


@pytest.mark.parametrize(
    ("batch", "status", "field"),
    [
        ([], 400, "body"),
        ({}, 400, "body"),
        ([SENT] * 101, 400, "body"),
        ([SENT, {**SENT, "id": ""}], 400, "id"),
        ([SENT, {**SENT, "data": {}}], 422, "cup"),
    ],
)
def test_nothing_of_a_bad_batch_is_published(published, batch, status, field):
    response = send(batch, BATCH)
    assert (problems(response)[0], [name for name, _ in problems(response)[1]]) == (status, [field])
    assert published == []


def test_a_batch_has_its_limits():
    body = content(send([], BATCH))
    assert body["detail"] == "The body should be a list of 1 to 100 CloudEvents."
    assert body["problems"] == [{"field": "body", "value": "[]", "reason": "should be a list of 1 to 100 CloudEvents"}]


def test_another_content_type_is_a_problem():
    response = send(content_type="text/plain")
    assert problems(response) == (415, [("content-type", "text/plain")])
    assert content(response)["detail"] == (
        f"The content type should be {STRUCTURED}, {BATCH}, or application/json with ce- headers."
    )


@pytest.mark.parametrize(
    ("changed", "status", "fields"),
    [
        ({"type": "CupBurnt"}, 403, [("type", "CupBurnt"), ("source", "test.post")]),
        ({"source": "test.desk"}, 403, [("type", "CupArrived"), ("source", "test.desk")]),
        ({"specversion": "2.0"}, 400, [("specversion", "2.0")]),
        ({"version": 9}, 422, [("version", "9")]),
        ({"data": {"cup": 1}}, 422, [("cup", "1")]),
    ],
)
def test_a_bad_event_is_a_problem(published, changed, status, fields):
    assert problems(send(**changed)) == (status, fields)
    assert published == []


def test_an_undeclared_event_is_answered_with_the_declared_ones():
    body = content(send(type="CupBurnt"))
    assert body["detail"].endswith("only: CupArrived from test.post, CupRepaired from test.potter.")
    assert [each["reason"] for each in body["problems"]] == ["is not declared"] * 2


# -- who may send ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "status"),
    [
        ("events:test.post", 202),
        ("a events:test.post", 202),
        ("events:test.potter", 403),
        ("test.post", 403),
        ("", 403),
    ],
)
def test_a_token_needs_the_scope_of_the_source(monkeypatch, published, scope, status):
    monkeypatch.setenv("MILLRACE_AUTHORIZER", "jwt")
    assert send(authorizer=bearer(scope))["statusCode"] == status
    assert len(published) == (status == 202)


@pytest.mark.parametrize(
    ("caller", "source", "status"),
    [
        ("arn:aws:iam::1:role/post", "test.post", 202),
        ("arn:aws:iam::1:role/POST", "test.post", 403),
        ("arn:aws:iam::2:role/post", "test.post", 403),
        ("arn:aws:iam::2:role/any", "test.potter", 202),
    ],
)
def test_a_caller_sends_what_the_construct_allows(monkeypatch, caller, source, status):
    monkeypatch.setenv("MILLRACE_CALLERS", '{"test.post": ["arn:aws:iam::9:*", "arn:aws:iam::1:role/post*"]}')
    name = "CupArrived" if source == "test.post" else "CupRepaired"
    response = send(source=source, type=name, authorizer={"iam": {"userArn": caller}})
    assert response["statusCode"] == status
    assert status == 202 or content(response)["detail"].startswith(caller)


def test_a_source_without_callers_is_closed(monkeypatch):
    monkeypatch.setenv("MILLRACE_CALLERS", '{"test.post": []}')
    response = send()
    assert problems(response) == (403, [("source", "test.post")])
    assert content(response)["problems"][0]["reason"] == "is not allowed for this caller"


# -- answers to callbacks ----------------------------------------------------------------------------------------------


class Callback:
    """A callback as the table has it: each attribute is a case of a test."""

    id, expected, sent, is_open, may_be_retried, result = (
        "cb-1",
        ["test.potter:CupRepaired"],
        False,
        True,
        False,
        True,
    )

    def __init__(self, **given):
        self.given = []
        self.__dict__.update(given)

    def complete(self, digest, envelope):
        self.given.append((digest, envelope))
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


@pytest.fixture
def respond(monkeypatch):
    """Answer a callback, which is known by the id cb-1."""

    def respond(callback, callback_id="cb-1", body=None, content_type=STRUCTURED, **changed):
        monkeypatch.setattr(callbacks.PendingCallback, "of", lambda name: callback if name == "cb-1" else None)
        whole = {**SENT, "source": "test.potter", "type": "CupRepaired", **changed} if body is None else body
        payload = request("POST /callbacks/{id}", whole, path={"id": callback_id}, content_type=content_type)
        return callbacks.handler(payload, None)

    return respond


def test_an_answer_is_given_to_its_callback(respond):
    callback = Callback()
    response = respond(callback)
    ((_, envelope),) = callback.given
    assert (response["statusCode"], content(response)) == (202, {"answer": "CupRepaired"})
    assert (envelope["detail-type"], envelope["detail"]["data"]) == ("CupRepaired", {"cup": "blue"})


def test_answers_with_the_same_data_have_the_same_digest(respond):
    callback = Callback(sent=True, is_open=False)
    for data in ({"cup": "blue"}, {"cup": "blue"}, {"cup": "red"}):
        respond(callback, data=data)
    first, second, third = (digest for digest, _ in callback.given)
    assert first == second != third
    assert first == "b04cc128f88d620c394d914c403a829e8205929414fc04bddaa2d5ca4ec8e8fe", "stored digests stay valid"


@pytest.mark.parametrize(
    ("callback", "status", "again", "detail"),
    [
        ({"is_open": False}, 503, "5", "The task does not wait for this callback yet. Send the answer again"),
        ({"result": False, "may_be_retried": True}, 503, "5", "The task is being retried. Send the answer again"),
        ({"result": False}, 410, None, "The task no longer waits for this answer: it has timed out or ended."),
        ({"result": DifferentAnswerError()}, 409, None, "This callback has a different answer already"),
        (
            {"expected": ["a.b:Left", "a.b:Gone"]},
            422,
            None,
            "This callback does not accept CupRepaired: it should be",
        ),
    ],
)
def test_an_answer_that_does_not_count_is_a_problem(respond, callback, status, again, detail):
    response = respond(Callback(**callback))
    assert (problems(response)[0], response["headers"].get("retry-after")) == (status, again)
    assert content(response)["detail"].startswith(detail)


def test_a_callback_names_the_events_that_answer_it(respond):
    response = respond(Callback(expected=["a.b:Left", "a.b:Gone"]))
    assert content(response)["problems"] == [
        {"field": "type", "value": "CupRepaired", "reason": "should be Left or Gone"}
    ]


def test_an_unknown_callback_is_404(respond):
    response = respond(Callback(), callback_id="cb-2")
    assert (problems(response), content(response)["detail"][:37]) == (
        (404, []),
        "There is no callback with this id. Se",
    )


@pytest.mark.parametrize(("length", "status"), [(100_000, 400), (100_001, 413)])
def test_an_answer_has_at_most_100_000_bytes(respond, length, status):
    response = respond(Callback(), body="x" * length)
    assert response["statusCode"] == status
    assert status == 400 or content(response)["detail"].startswith(
        "The answer has 100,001 bytes, but at most 100,000 are"
    )


def test_an_answer_is_one_event(respond):
    response = respond(Callback(), content_type=BATCH)
    assert (
        content(response)["detail"] == f"The content type should be {STRUCTURED}, or application/json with ce- headers."
    )
