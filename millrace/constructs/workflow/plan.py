"""Whether the steps of a flow can be given the events that they ask for. Plain Python: no CDK here."""

import itertools
from collections.abc import Sequence

from millrace.constructs.function.declared import EventTypes
from millrace.events import Event
from millrace.runtime import Declaration


class UnsoundFlow(ValueError):
    """A mediator whose steps do not fit together."""


def trigger_of(place: str, first: Declaration) -> type[Event]:
    """The event that starts a flow: the one that its first step takes."""
    wanted = [event for taken in first.inputs if not taken.optional for event in taken.events]
    if len(set(wanted)) != 1:
        raise UnsoundFlow(
            f"{place}: its first step, {first.name}, takes {_names(wanted)}, and one event starts a flow: "
            f"let the first step take just that one."
        )
    return wanted[0]


def check_names(place: str, names: Sequence[str]) -> None:
    """Raise UnsoundFlow for a flow without steps, or with a step that stands in it twice."""
    if not names:
        raise UnsoundFlow(f"{place} has no steps.")
    for name in names:
        if names.count(name) > 1:
            raise UnsoundFlow(f"{place} has {name} twice: a step is one state, so give each its own function.")


def check_inputs(place: str, step: Declaration, said: EventTypes, *, why: str = "") -> None:
    """Raise UnsoundFlow if a step asks for an event that nothing before it is sure to have said."""
    known = list(said)
    for taken in step.inputs:
        if not taken.optional and not taken.many and not set(taken.events) & set(known):
            raise UnsoundFlow(
                f"{place}: the step {step.name} takes {taken.name}: {' | '.join(e.__name__ for e in taken.events)}, "
                f"and {why or 'no step before it says that'}; known by then: {_names(known)}. "
                f"Reorder the steps, or annotate it with '| None'."
            )


def check_line(place: str, steps: Sequence[tuple[Sequence[Declaration], bool]]) -> None:
    """Check steps that follow one another: each is given the trigger and what was said before it.

    Of several that run together either every one has said something by then, or just one, whichever that is.
    """
    ways: list[list[type[Event]]] = [[trigger_of(place, steps[0][0][0])]]
    for together, every in steps:
        for step, said in itertools.product(together, ways):
            check_inputs(place, step, said)
        if every:
            ways = [[*said, *(event for step in together for event in step.publishes)] for said in ways]
        else:
            ways = [[*said, *step.publishes] for said in ways for step in together]


def check_saga(
    place: str, steps: Sequence[tuple[Declaration, Declaration | None]], completed: Declaration, rejected: Declaration
) -> None:
    """Check the steps of a saga with their undos: each way that leads to one must have said what it takes.

    A refusal ends the way forward, so later steps never see one. An undo runs too when its own step failed with an
    unknown outcome, and a rejection when the first one did.
    """
    said: list[type[Event]] = [trigger_of(place, steps[0][0])]
    for step, undo in steps:
        check_inputs(place, step, said)
        if undo:
            check_inputs(place, undo, said, why=f"{step.name}, which it undoes, may have failed before it said so")
        said += step.answers
    check_inputs(place, completed, said)
    check_inputs(place, rejected, said[:1], why="the saga may have been rejected before that was said")


def _names(events: EventTypes) -> str:
    return ", ".join(dict.fromkeys(event.__name__ for event in events)) or "nothing"
