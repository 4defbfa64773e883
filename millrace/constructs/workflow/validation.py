"""Check that each step of a flow receives the events that it takes. This module does not use CDK."""

import itertools
from collections.abc import Sequence

from millrace.constructs.function.project import EventTypes
from millrace.events import Event
from millrace.runtime import Declaration


class FlowError(ValueError):
    """The steps of a mediator do not fit together."""


def trigger_event(path: str, first: Declaration) -> type[Event]:
    """Return the event that starts a flow: the input of its first step."""
    required = [event for taken in first.inputs if not taken.optional for event in taken.events]
    if len(set(required)) != 1:
        raise FlowError(
            f"{path}: the first step, {first.name}, takes {_names(required)}, but exactly one event starts a flow: "
            f"let the first step take that event only."
        )
    return required[0]


def check_names(path: str, names: Sequence[str]) -> None:
    """Raise FlowError for a flow without steps, or with a duplicate step."""
    if not names:
        raise FlowError(f"{path} has no steps: add at least one.")
    for name in names:
        if names.count(name) > 1:
            raise FlowError(f"{path} has {name} twice: a step is one state, so use a separate function for each.")


def check_inputs(path: str, step: Declaration, published: EventTypes, *, reason: str = "") -> None:
    """Raise FlowError if a step takes an event that the steps before it may not have published."""
    available = list(published)
    for taken in step.inputs:
        if not taken.optional and not taken.many and not set(taken.events) & set(available):
            raise FlowError(
                f"{path}: the step {step.name} takes {taken.name}: {' | '.join(e.__name__ for e in taken.events)}, "
                f"but {reason or 'no earlier step publishes it'}. Available events: {_names(available)}. "
                f"Reorder the steps, or annotate the parameter with '| None'."
            )


def check_sequence(path: str, steps: Sequence[tuple[Sequence[Declaration], bool]]) -> None:
    """Check steps that run in sequence: each receives the trigger and the events of earlier steps.

    After parallel steps, either the events of all are available, or those of any one.
    """
    histories: list[list[type[Event]]] = [[trigger_event(path, steps[0][0][0])]]
    for parallel, all_succeed in steps:
        for step, published in itertools.product(parallel, histories):
            check_inputs(path, step, published)
        if all_succeed:
            new = [event for step in parallel for event in step.publishes]
            histories = [[*published, *new] for published in histories]
        else:
            histories = [[*published, *step.publishes] for published in histories for step in parallel]


def check_saga(
    path: str, steps: Sequence[tuple[Declaration, Declaration | None]], completed: Declaration, rejected: Declaration
) -> None:
    """Check the steps of a saga with their undo functions: on every path, the events that a function takes exist.

    A refusal ends the forward path, so later steps never receive it. An undo also runs if its own step failed with an
    unknown outcome, and `rejected` also runs if the first step failed.
    """
    published: list[type[Event]] = [trigger_event(path, steps[0][0])]
    for step, undo in steps:
        check_inputs(path, step, published)
        if undo:
            check_inputs(path, undo, published, reason=f"{step.name}, which it undoes, may fail before it publishes it")
        published += step.successes
    check_inputs(path, completed, published)
    check_inputs(path, rejected, published[:1], reason="the saga can be rejected before a step publishes it")


def _names(event_types: EventTypes) -> str:
    return ", ".join(dict.fromkeys(event.__name__ for event in event_types)) or "nothing"
