"""A signature, read once: each form of annotation, and each that says too little."""

import re
from collections.abc import Generator, Iterable, Iterator
from typing import Optional, Union

import pytest

from millrace.events import Event, Refusal
from millrace.runtime import Declaration, SignatureError, Table, processor, step


class Asked(Event, source="test.desk"):
    pass


class Answered(Event, source="test.desk"):
    pass


class Shrugged(Refusal, source="test.desk"):
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
        (Asked, (Asked,), False, False),
        (Asked | Answered, (Asked, Answered), False, False),
        (Union[Asked, Answered], (Asked, Answered), False, False),  # noqa: UP007 - this form is read as well
        (Asked | None, (Asked,), False, True),
        (Optional[Asked], (Asked,), False, True),  # noqa: UP045 - this form is read as well
        (list[Asked], (Asked,), True, False),
        (list[Asked | Answered], (Asked, Answered), True, False),
        ("Asked | Answered", (Asked, Answered), False, False),
    ],
)
def test_what_a_handler_takes(hint, events, many, optional):
    (taken,) = takes(hint).inputs
    assert (taken.events, taken.many, taken.optional) == (events, many, optional)


@pytest.mark.parametrize(
    ("returns", "events"),
    [
        (None, ()),
        (Asked, (Asked,)),
        (Asked | None, (Asked,)),
        (Asked | Shrugged, (Asked, Shrugged)),
        (list[Asked], (Asked,)),
        (list[Asked | Answered], (Asked, Answered)),
        (Iterator[Asked], (Asked,)),
        (Iterable[Asked | Answered], (Asked, Answered)),
        (Generator[Asked, None, None], (Asked,)),
        (list[Asked] | Answered | None, (Asked, Answered)),
    ],
)
def test_what_a_handler_says(returns, events):
    assert takes(Asked, returns).publishes == events


def test_refusals_are_no_answers():
    assert takes(Asked, Answered | Shrugged).successes == (Answered,)


def test_tables_are_named_after_their_parameters():
    def handler(asked: Asked, desk: Table, drawer: Table) -> None: ...

    declaration = Declaration.of(handler)
    assert declaration.tables == ("desk", "drawer")
    assert declaration.consumes == (Asked,)


def test_a_handler_is_called_as_its_folder():
    def handler(asked: Asked) -> None: ...

    handler.__module__ = "functions.answer_letters.handler"
    assert Declaration.of(handler).name == "answer_letters"


@pytest.mark.parametrize("hint", [int, dict, Event, Nameless, Asked | int, list[int], tuple[Asked, ...]])
def test_what_is_no_event_cannot_be_taken(hint):
    with pytest.raises(SignatureError, match="the parameter 'given' is a"):
        takes(hint)


@pytest.mark.parametrize("returns", [int, Nameless, Asked | int, list[int], dict[str, Asked]])
def test_what_is_no_event_cannot_be_said(returns):
    with pytest.raises(SignatureError, match=r"returns .*: write an Event"):
        takes(Asked, returns)


def test_a_missing_return_is_told():
    def handler(asked: Asked): ...

    with pytest.raises(SignatureError, match="has no return annotation"):
        Declaration.of(handler)


def test_a_missing_annotation_is_told():
    def handler(asked) -> None: ...

    with pytest.raises(SignatureError, match="'asked' has no annotation"):
        Declaration.of(handler)


def test_a_name_that_is_not_imported_is_told():
    with pytest.raises(SignatureError, match=r"Missing.*Import the name"):
        takes("Missing")


def test_a_handler_that_takes_no_event_is_told():
    def handler(desk: Table) -> None: ...

    with pytest.raises(SignatureError, match="takes no event"):
        Declaration.of(handler)


@pytest.mark.parametrize("inputs", [{"first": Asked, "second": Answered}, {"first": Asked | None}])
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
    def handler(asked: Asked) -> Answered:
        """Answer."""
        return Answered()

    assert handler(Asked()) == Answered()
    assert handler.__doc__ == "Answer."
