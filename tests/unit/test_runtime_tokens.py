"""Callbacks: their signatures, and the task tokens of steps that wait."""

import re
from datetime import timedelta
from types import SimpleNamespace

import pytest

from millrace.events import Event, Refusal
from millrace.runtime import Callback, InProgressError, SignatureError, processor, step, tokens
from millrace.runtime.tokens import (
    AlreadyAnsweredError,
    CallbackAttempt,
    DifferentAnswerError,
    PendingCallback,
    receive_answer,
)

KEY = ("arn:execution", "flow")
ANSWER = {"source": "test.guest", "detail-type": "Entered", "detail": {"data": {}}}


class Knocked(Event, source="test.visitor"):
    times: int


class EntryRequested(Event, source="test.visitor"):
    callback_id: str


class Bolted(Refusal, source="test.visitor"):
    pass


class Entered(Event, source="test.guest", external=True):
    pass


class Left(Refusal, source="test.guest", external=True):
    pass


@step(timeout=timedelta(hours=1))
def request_entry(knocked: Knocked, callback: Callback[Entered | Left]) -> EntryRequested:
    return EntryRequested(callback_id=callback.id)


EXPECTED = request_entry.declaration.callback


def refused(reasons):
    return pytest.raises(SignatureError, match=re.escape(reasons))


def test_a_signature_declares_the_answers_and_the_timeout():
    assert (EXPECTED.name, EXPECTED.events, EXPECTED.seconds) == ("callback", (Entered, Left), 3600)
    assert request_entry.declaration.publishes == (EntryRequested, Entered, Left)
    assert (request_entry.declaration.returns, request_entry.declaration.consumes) == ((EntryRequested,), (Knocked,))


def test_a_step_that_waits_is_tried_out_as_the_function_that_it_is():
    assert request_entry(Knocked(times=1), Callback("an id")) == EntryRequested(callback_id="an id")
    assert "an id" not in repr(Callback("an id"))


def test_the_default_timeout_is_a_day():
    def handler(knocked: Knocked, callback: Callback[Entered]) -> None: ...

    assert step(handler).declaration.callback.seconds == 86_400


def test_invalid_signature_with_a_callback_is_rejected():
    def bare(knocked: Knocked, callback: Callback) -> None: ...
    def two(knocked: Knocked, one: Callback[Entered], other: Callback[Left]) -> None: ...
    def text(knocked: Knocked, callback: Callback[str]) -> None: ...
    def both(knocked: Knocked, callback: Callback[Entered]) -> Entered: ...
    def with_refusal(knocked: Knocked, callback: Callback[Entered]) -> Bolted: ...

    reasons = [
        "or, in a step, a Callback of its answers",
        "one callback",
        "Callback[AnEvent]",
        "remove it from the return type or the Callback",
        "from a step before",
    ]
    for handler, why in zip((bare, two, text, both, with_refusal), reasons, strict=True):
        with refused(why):
            step(handler)


def test_only_a_step_waits_and_only_for_a_year():
    def waiting_step(knocked: Knocked, callback: Callback[Entered]) -> None: ...
    def without_callback(knocked: Knocked) -> None: ...

    with refused("only a @step can wait"):
        processor(waiting_step)
    with refused("but no Callback"):
        step(timeout=timedelta(hours=1))(without_callback)
    with refused("a second to a year"):
        step(timeout=timedelta(days=366))(waiting_step)


@pytest.fixture
def sent(table, monkeypatch):
    """The tokens with which tasks were ended; those in `over` are of tasks that are."""
    kept, sent = table("id"), SimpleNamespace(tokens=[], over=set())
    monkeypatch.setenv("MILLRACE_CALLBACKS", kept.name)
    monkeypatch.setattr(tokens, "table_called", lambda _name: kept)

    class Over(Exception):
        pass

    def send_task_success(taskToken, output):  # noqa: N803 - AWS's own names
        if taskToken in sent.over:
            raise Over
        sent.tokens.append(taskToken)
        sent.over.add(taskToken)

    errors = SimpleNamespace(TaskTimedOut=Over, TaskDoesNotExist=Over, InvalidToken=Over)
    monkeypatch.setattr(
        tokens, "client", lambda _: SimpleNamespace(exceptions=errors, send_task_success=send_task_success)
    )
    return sent


def attempt(token="token-1", number=0):
    return CallbackAttempt(KEY, token, number, EXPECTED)


def opened(token="token-1", number=0):
    made = attempt(token, number)
    made.open([])
    return made


def test_every_attempt_has_the_same_id_which_does_not_contain_the_token(sent):
    first, second = attempt("token-1"), attempt("token-2", 1)
    assert first.id == second.id
    assert "token" not in first.id
    assert re.fullmatch(r"[0-9a-f-]{45}\.[\w-]{43}", first.id)


def test_another_flow_has_another_id(sent):
    assert CallbackAttempt((*KEY, "x"), "token", 0, EXPECTED).id != attempt().id


def test_a_callback_is_answered_by_its_whole_id_alone(sent):
    item_id, _, secret = opened().id.partition(".")
    assert PendingCallback.of(f"{item_id}.{secret}").id == item_id
    assert [
        PendingCallback.of(wrong) for wrong in (item_id, f"{item_id}.{'x' * 43}", f"{item_id}.{secret}x", "", ".")
    ] == [None] * 5


def test_a_callback_is_open_after_its_newest_attempt_has_sent_the_request(sent):
    waiting = PendingCallback.of(attempt().id)
    once = PendingCallback.of(opened().id)
    again = PendingCallback.of(attempt("token-2", 1).id)
    assert [each.is_open for each in (waiting, once, again)] == [False, True, False]


def test_a_late_attempt_does_not_replace_a_later_one(sent):
    late = attempt("token-1")
    opened("token-2", 1)
    for stale in (lambda: late.open([]), lambda: attempt("token-1")):
        with pytest.raises(InProgressError, match="A later attempt"):
            stale()
    PendingCallback.of(late.id).complete("digest", ANSWER)
    assert sent.tokens == ["token-2"]


def test_the_same_answer_counts_once_and_another_one_is_refused(sent):
    callback = opened()
    assert [PendingCallback.of(callback.id).complete("digest", ANSWER) for _ in range(2)] == [True, True]
    with pytest.raises(DifferentAnswerError):
        PendingCallback.of(callback.id).complete("another", ANSWER)
    assert sent.tokens == ["token-1"]


def test_an_answer_without_a_waiting_task_is_not_stored(sent):
    callback = opened()
    sent.over.add("token-1")
    assert PendingCallback.of(callback.id).complete("late", ANSWER) is False
    opened("token-2", 1)
    assert PendingCallback.of(callback.id).complete("other", ANSWER) is True


def test_an_answer_to_an_attempt_that_fails_at_that_moment_completes_the_next_one(sent, monkeypatch):
    callback, succeeds = opened(), tokens._succeeds
    monkeypatch.setattr(tokens, "_succeeds", lambda token: succeeds(token) and attempt("token-2", 1) is not None)
    assert PendingCallback.of(callback.id).complete("digest", ANSWER) is False
    monkeypatch.setattr(tokens, "_succeeds", succeeds)
    opened("token-2", 1)
    assert PendingCallback.of(callback.id).complete("digest", ANSWER) is True
    assert sent.tokens == ["token-1", "token-2"]


def test_an_answer_that_a_concurrent_request_removes_is_not_a_different_answer(sent, monkeypatch):
    waiting = PendingCallback.of(opened().id)
    tokens._write(waiting.id, "SET digest = :digest", digest="digest")
    taken_back = tokens._write(waiting.id, "SET seen = :seen REMOVE digest", seen=True)
    tokens._write(waiting.id, "SET digest = :digest", digest="digest")
    monkeypatch.setattr(tokens, "_item", lambda _item_id: taken_back)
    assert waiting.complete("digest", ANSWER) is False
    assert sent.tokens == []


def test_an_attempt_uses_a_stored_answer(sent):
    callback = opened()
    PendingCallback.of(callback.id).complete("digest", ANSWER)
    with pytest.raises(AlreadyAnsweredError):
        attempt("token-2", 1)
    assert receive_answer(KEY) == (ANSWER, [])


def test_missing_answer_cannot_be_received(sent):
    opened()
    with pytest.raises(InProgressError):
        receive_answer(KEY)


def test_a_function_may_touch_its_own_callbacks_by_what_their_places_begin_with(sent, monkeypatch):
    monkeypatch.setenv("MILLRACE_SCOPE", "Shop.Fulfilment")
    assert attempt().id.startswith(f"{tokens.callback_id_prefix('Shop.Fulfilment')}-")
