"""Callbacks: what a signature says of them, and who holds the token of a task that waits."""

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


class Knocked(Event, source="test.door"):
    times: int


class Asked(Event, source="test.door"):
    callback_id: str


class Bolted(Refusal, source="test.door"):
    pass


class Entered(Event, source="test.guest", external=True):
    pass


class Left(Refusal, source="test.guest", external=True):
    pass


@step(timeout=timedelta(hours=1))
def ask(knocked: Knocked, callback: Callback[Entered | Left]) -> Asked:
    return Asked(callback_id=callback.id)


EXPECTED = ask.declaration.callback


def refused(told):
    return pytest.raises(SignatureError, match=re.escape(told))


def test_a_signature_says_which_events_answer_and_within_which_time():
    assert (EXPECTED.name, EXPECTED.events, EXPECTED.seconds) == ("callback", (Entered, Left), 3600)
    assert ask.declaration.publishes == (Asked, Entered, Left)
    assert (ask.declaration.returns, ask.declaration.consumes) == ((Asked,), (Knocked,))


def test_a_step_that_waits_is_tried_out_as_the_function_that_it_is():
    assert ask(Knocked(times=1), Callback("an id")) == Asked(callback_id="an id")
    assert "an id" not in repr(Callback("an id"))


def test_a_step_that_names_no_time_waits_for_a_day():
    def handler(knocked: Knocked, callback: Callback[Entered]) -> None: ...

    assert step(handler).declaration.callback.seconds == 86_400


def test_what_a_signature_with_a_callback_cannot_mean_is_refused():
    def bare(knocked: Knocked, callback: Callback) -> None: ...
    def two(knocked: Knocked, one: Callback[Entered], other: Callback[Left]) -> None: ...
    def text(knocked: Knocked, callback: Callback[str]) -> None: ...
    def both(knocked: Knocked, callback: Callback[Entered]) -> Entered: ...
    def says_no(knocked: Knocked, callback: Callback[Entered]) -> Bolted: ...

    told = [
        "or, in a step, a Callback of its answers",
        "one callback",
        "Callback[AnEvent]",
        "remove it from the return type or the Callback",
        "from a step before",
    ]
    for handler, why in zip((bare, two, text, both, says_no), told, strict=True):
        with refused(why):
            step(handler)


def test_only_a_step_waits_and_only_for_a_year():
    def asks(knocked: Knocked, callback: Callback[Entered]) -> None: ...
    def asks_nothing(knocked: Knocked) -> None: ...

    with refused("only a @step can wait"):
        processor(asks)
    with refused("but no Callback"):
        step(timeout=timedelta(hours=1))(asks_nothing)
    with refused("a second to a year"):
        step(timeout=timedelta(days=366))(asks)


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


def asking(token="token-1", number=0):
    return CallbackAttempt(KEY, token, number, EXPECTED)


def opened(token="token-1", number=0):
    made = asking(token, number)
    made.open([])
    return made


def test_every_try_has_the_same_id_which_tells_nothing_of_the_token(sent):
    first, second = asking("token-1"), asking("token-2", 1)
    assert first.id == second.id
    assert "token" not in first.id
    assert re.fullmatch(r"[0-9a-f-]{45}\.[\w-]{43}", first.id)


def test_another_flow_has_another_id(sent):
    assert CallbackAttempt((*KEY, "x"), "token", 0, EXPECTED).id != asking().id


def test_a_callback_is_answered_by_its_whole_id_alone(sent):
    place, _, secret = opened().id.partition(".")
    assert PendingCallback.of(f"{place}.{secret}").id == place
    assert [PendingCallback.of(wrong) for wrong in (place, f"{place}.{'x' * 43}", f"{place}.{secret}x", "", ".")] == [
        None
    ] * 5


def test_a_callback_is_open_once_its_newest_try_has_asked(sent):
    waiting = PendingCallback.of(asking().id)
    once = PendingCallback.of(opened().id)
    again = PendingCallback.of(asking("token-2", 1).id)
    assert [each.is_open for each in (waiting, once, again)] == [False, True, False]


def test_a_try_that_comes_late_takes_the_place_of_none_after_it(sent):
    late = asking("token-1")
    opened("token-2", 1)
    for stale in (lambda: late.open([]), lambda: asking("token-1")):
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


def test_an_answer_for_which_nobody_waits_is_as_if_it_had_not_been_given(sent):
    callback = opened()
    sent.over.add("token-1")
    assert PendingCallback.of(callback.id).complete("late", ANSWER) is False
    opened("token-2", 1)
    assert PendingCallback.of(callback.id).complete("other", ANSWER) is True


def test_an_answer_to_a_try_that_fails_at_that_very_moment_is_given_to_the_next_one(sent, monkeypatch):
    callback, succeeds = opened(), tokens._succeeds
    monkeypatch.setattr(tokens, "_succeeds", lambda token: succeeds(token) and asking("token-2", 1) is not None)
    assert PendingCallback.of(callback.id).complete("digest", ANSWER) is False
    monkeypatch.setattr(tokens, "_succeeds", succeeds)
    opened("token-2", 1)
    assert PendingCallback.of(callback.id).complete("digest", ANSWER) is True
    assert sent.tokens == ["token-1", "token-2"]


def test_an_answer_that_another_call_takes_back_meanwhile_is_no_other_answer(sent, monkeypatch):
    waiting = PendingCallback.of(opened().id)
    tokens._write(waiting.id, "SET digest = :digest", digest="digest")
    taken_back = tokens._write(waiting.id, "SET seen = :seen REMOVE digest", seen=True)
    tokens._write(waiting.id, "SET digest = :digest", digest="digest")
    monkeypatch.setattr(tokens, "_item", lambda _place: taken_back)
    assert waiting.complete("digest", ANSWER) is False
    assert sent.tokens == []


def test_a_try_that_finds_the_answer_goes_on_with_it(sent):
    callback = opened()
    PendingCallback.of(callback.id).complete("digest", ANSWER)
    with pytest.raises(AlreadyAnsweredError):
        asking("token-2", 1)
    assert receive_answer(KEY) == (ANSWER, [])


def test_what_was_not_answered_cannot_be_heard(sent):
    opened()
    with pytest.raises(InProgressError):
        receive_answer(KEY)


def test_a_function_may_touch_its_own_callbacks_by_what_their_places_begin_with(sent, monkeypatch):
    monkeypatch.setenv("MILLRACE_SCOPE", "Shop.Fulfilment")
    assert asking().id.startswith(f"{tokens.callback_id_prefix('Shop.Fulfilment')}-")
