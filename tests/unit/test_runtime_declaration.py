"""Declarations: the forms of annotations that a signature can have, and those that are rejected."""

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Optional, Union

import pytest

from millrace.events import Event, Refusal
from millrace.runtime import Declaration, SignatureError, Table, processor, step


class Requested(Event, source="test.office"):
    pass


class Answered(Event, source="test.office"):
    pass


class Shrugged(Refusal, source="test.office"):
    pass


class Nameless(Event):
    pass


def takes(hint, returns=None):
    def handler(given): ...

    handler.__annotations__ = {"given": hint, "return": returns}
    return Declaration.of(handler)


@pytest.mark.parametrize(
    ("hint", "events", "many", "optional"),
    [
        (Requested, (Requested,), False, False),
        (Requested | Answered, (Requested, Answered), False, False),
        (Union[Requested, Answered], (Requested, Answered), False, False),  # noqa: UP007 - this form is read as well
        (Requested | None, (Requested,), False, True),
        (Optional[Requested], (Requested,), False, True),  # noqa: UP045 - this form is read as well
        (list[Requested], (Requested,), True, False),
        (list[Requested | Answered], (Requested, Answered), True, False),
        ("Requested | Answered", (Requested, Answered), False, False),
    ],
)
def test_a_handler_takes_the_events_of_its_parameter(hint, events, many, optional):
    (taken,) = takes(hint).inputs
    assert (taken.events, taken.many, taken.optional) == (events, many, optional)


@pytest.mark.parametrize(
    ("returns", "events"),
    [
        (None, ()),
        (Requested, (Requested,)),
        (Requested | None, (Requested,)),
        (Requested | Shrugged, (Requested, Shrugged)),
        (list[Requested], (Requested,)),
        (list[Requested | Answered], (Requested, Answered)),
        (Iterator[Requested], (Requested,)),
        (Iterable[Requested | Answered], (Requested, Answered)),
        (Generator[Requested, None, None], (Requested,)),
        (list[Requested] | Answered | None, (Requested, Answered)),
    ],
)
def test_a_handler_publishes_the_events_that_it_returns(returns, events):
    assert takes(Requested, returns).publishes == events


def test_refusals_are_not_successes():
    assert takes(Requested, Answered | Shrugged).successes == (Answered,)


def test_tables_are_named_after_their_parameters():
    def handler(request: Requested, desk: Table, drawer: Table) -> None: ...

    declaration = Declaration.of(handler)
    assert declaration.tables == ("desk", "drawer")
    assert declaration.consumes == (Requested,)


def test_a_handler_has_the_name_of_its_folder():
    def handler(request: Requested) -> None: ...

    handler.__module__ = "functions.answer_mail.handler"
    assert Declaration.of(handler).name == "answer_mail"


@pytest.mark.parametrize("hint", [int, dict, Event, Nameless, Requested | int, list[int], tuple[Requested, ...]])
def test_parameter_that_is_not_an_event_is_rejected(hint):
    with pytest.raises(SignatureError, match="the parameter 'given' is a"):
        takes(hint)


@pytest.mark.parametrize("returns", [int, Nameless, Requested | int, list[int], dict[str, Requested]])
def test_return_type_that_is_not_an_event_is_rejected(returns):
    with pytest.raises(SignatureError, match=r"returns .*: write an Event"):
        takes(Requested, returns)


def test_missing_return_annotation_is_rejected():
    def handler(request: Requested): ...

    with pytest.raises(SignatureError, match="has no return annotation"):
        Declaration.of(handler)


def test_missing_parameter_annotation_is_rejected():
    def handler(request) -> None: ...

    with pytest.raises(SignatureError, match="'request' has no annotation"):
        Declaration.of(handler)


def test_a_name_that_is_not_imported_is_told():
    with pytest.raises(SignatureError, match=r"Missing.*Import the name"):
        takes("Missing")


def test_a_handler_that_takes_no_event_is_told():
    def handler(desk: Table) -> None: ...

    with pytest.raises(SignatureError, match="takes no event"):
        Declaration.of(handler)


@pytest.mark.parametrize("inputs", [{"first": Requested, "second": Answered}, {"first": Requested | None}])
def test_a_processor_takes_one_event_and_a_step_takes_several(inputs):
    def handler(first, second=None): ...

    if len(inputs) == 1:

        def handler(first): ...

    handler.__annotations__ = {**inputs, "return": None}
    with pytest.raises(SignatureError, match=re.escape("a processor takes one event")):
        processor(handler)
    assert step(handler).declaration.consumes


def test_a_decorated_handler_is_still_its_function():
    @processor
    def handler(request: Requested) -> Answered:
        """Answer."""
        return Answered()

    assert handler(Requested()) == Answered()
    assert handler.__doc__ == "Answer."
