"""The item of a callback, and the requests that read it."""

from types import SimpleNamespace

import pytest

from millrace.events import Event
from millrace.runtime import tokens
from millrace.runtime.callbacks import Expected
from millrace.runtime.tokens import CallbackAttempt, PendingCallback, _succeeds

KEY = ("arn:execution", "flow")
ANSWER = {"source": "test.guest", "detail-type": "Entered", "detail": {"data": {"name": "é"}}}
NOW = 1_700_000_000
DAYS_20, MINUTES_20 = 1_728_000, 1_200


class Entered(Event, source="test.guest", external=True):
    pass


class Left(Event, source="test.guest", external=True):
    pass


def expected(seconds=3600):
    return Expected("callback", (Entered, Left), seconds)


@pytest.fixture
def callbacks(table, monkeypatch):
    """The table of callbacks, at a fixed time."""
    made = table("id")
    monkeypatch.setenv("MILLRACE_CALLBACKS", "shop-callbacks")
    monkeypatch.setenv("MILLRACE_SCOPE", "Shop.Request")
    monkeypatch.setattr(tokens, "table_called", {"shop-callbacks": made}.__getitem__)
    monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda: NOW + 0.9))
    monkeypatch.setattr(tokens.secrets, "token_urlsafe", lambda count: "s" * 43 if count == 32 else "")
    return made


def item(callbacks):
    (found,) = callbacks.scan()["Items"]
    return found


BEGUN = {
    "id": "",
    "secret": "s" * 43,
    "newest": tokens._hashed("token-1"),
    "tries": 4,
    "expected": ["test.guest:Entered", "test.guest:Left"],
    "expiration": NOW + 3600 + DAYS_20,
}


def test_a_try_stores_what_answers_it_and_until_when_it_is_known(callbacks):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    attempt = CallbackAttempt(KEY, "token-1", 4, expected())
    assert item(callbacks) == {**BEGUN, "id": attempt.id.partition(".")[0]}
    assert attempt.id.partition(".")[2] == "s" * 43
    assert "task_token" not in item(callbacks)


@pytest.mark.parametrize(("seconds", "tried"), [(3600, MINUTES_20), (60, 60)])
def test_an_open_callback_stores_its_token_and_how_long_it_may_be_tried(callbacks, seconds, tried):
    attempt = CallbackAttempt(KEY, "token-1", 0, expected(seconds))
    attempt.open([ANSWER])
    found = item(callbacks)
    assert (found["task_token"], found["tried_until"]) == ("token-1", NOW + tried)
    assert found["published"] == '[{"source":"test.guest","detail-type":"Entered","detail":{"data":{"name":"é"}}}]'


def test_a_callback_opens_once(callbacks):
    attempt = CallbackAttempt(KEY, "token-1", 0, expected())
    attempt.open([])
    attempt.open([ANSWER])
    assert item(callbacks)["published"] == "[]"


def test_a_waiting_callback_has_what_its_item_has(callbacks, monkeypatch):
    attempt = CallbackAttempt(KEY, "token-1", 0, expected(60))
    attempt.open([])
    pending = PendingCallback.of(attempt.id)
    assert (pending.expected, pending.newest) == (BEGUN["expected"], BEGUN["newest"])
    assert (pending.task_token, pending.digest, pending.sent, pending.is_open) == ("token-1", "", False, True)
    assert "token-1" not in repr(pending)
    for later, may in ((58, True), (60, False)):
        monkeypatch.setattr(tokens, "time", SimpleNamespace(time=lambda later=later: NOW + later))
        assert pending.may_be_retried is may


def test_an_answer_is_stored_with_its_digest(callbacks, monkeypatch):
    monkeypatch.setattr(tokens, "_succeeds", lambda token: token == "token-1")
    attempt = CallbackAttempt(KEY, "token-1", 0, expected())
    attempt.open([])
    assert PendingCallback.of(attempt.id).complete("d-1", ANSWER) is True
    found = item(callbacks)
    assert (found["digest"], found["sent"]) == ("d-1", True)
    assert found["answer"] == '{"source":"test.guest","detail-type":"Entered","detail":{"data":{"name":"é"}}}'


def test_the_answer_goes_to_the_step_with_what_it_published(callbacks, monkeypatch):
    monkeypatch.setattr(tokens, "_succeeds", lambda _token: True)
    attempt = CallbackAttempt(KEY, "token-1", 0, expected())
    attempt.open([ANSWER])
    PendingCallback.of(attempt.id).complete("d-1", ANSWER)
    assert tokens.receive_answer(KEY) == (ANSWER, [ANSWER])


def test_a_callback_is_read_consistently(callbacks, monkeypatch):
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html"""
    requests = []
    attempt = CallbackAttempt(KEY, "token-1", 0, expected())
    reader = SimpleNamespace(get_item=lambda **request: requests.append(request) or {})
    monkeypatch.setattr(tokens, "table_called", lambda _name: reader)
    assert PendingCallback.of(attempt.id) is None
    assert requests == [{"Key": {"id": attempt.id.partition(".")[0]}, "ConsistentRead": True}]


@pytest.mark.parametrize("error", [None, "TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_task_ends_unless_it_has_ended(monkeypatch, error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    sent = []
    kinds = {name: type(name, (Exception,), {}) for name in ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")}

    def send_task_success(**given):
        sent.append(given)
        if error:
            raise kinds[error]

    client = SimpleNamespace(send_task_success=send_task_success, exceptions=SimpleNamespace(**kinds))
    monkeypatch.setattr(tokens, "client", lambda _: client)
    assert _succeeds("token-1") is (error is None)
    assert sent == [{"taskToken": "token-1", "output": "{}"}]
