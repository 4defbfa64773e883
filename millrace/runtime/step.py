"""@step: a function from events to events, as a task of a state machine.

The machine hands each step the flow so far, `{"events": [envelope, …], "refused": bool, "steps": int}`, whose first
event started it. A parameter is given the latest event of its type; the step's own events are published and added to
the flow. A step that runs beside others is asked for its own events alone; the step after them finds them in the
flow's `branches`.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, overload

from millrace.events import Envelope, Event, Metadata, Refusal, decode
from millrace.runtime import observe
from millrace.runtime.breaker import MisplacedBreaker
from millrace.runtime.claims import fitted, redeemed
from millrace.runtime.declaration import Input
from millrace.runtime.idempotency import Key, Once
from millrace.runtime.processor import Handler, Payload
from millrace.runtime.publisher import publisher

_OF_A_TRY = ("branches", "asked")
"""What says nothing of the flow itself: answers that are joined to it, and the redrives before a fork asked."""
P = ParamSpec("P")
R = TypeVar("R")


class MissingEvent(LookupError):
    """A step asks for an event that the flow has not seen."""


class Step(Handler[P, R]):
    """A task of a mediator."""

    def __init__(self, function: Callable[P, R], *, repeatable: str | None = None) -> None:
        super().__init__(function, repeatable=repeatable)
        if self.declaration.breaker:
            raise MisplacedBreaker(
                f"{self.declaration.module}.{self.declaration.attribute} is a @step with a @breaker, and a step has no "
                f"queue to wait in: take it off, and let the state machine try again."
            )

    def invoked(self, payload: Payload, context: Any = None) -> Payload:
        """Run the step on a flow and answer with the flow that goes on."""
        flow = _joined(payload["flow"])
        attempt = int(payload.get("attempt", 0)) + 1
        start = flow["events"][0]
        self.appended = []
        try:
            cause = Metadata.model_validate(start["detail"]["metadata"])
            key = _key(str(payload.get("execution", "")), flow)
            once = Once(lambda said: publisher().publish(said), replies=True)
            beside = bool(payload.get("beside"))
            published = self.once([key], context, once, lambda _: self._say(flow["events"], cause, key, beside=beside))
        except Exception as error:
            observe.failed(start, attempt, error)
            raise
        observe.handled(start["detail-type"], cause, attempt, [*published, *self.appended])
        refused = any(self._refuses(envelope) for envelope in published)
        before = {"events": []} if beside else flow
        return {**before, "events": [*before["events"], *published], "refused": refused, "steps": flow["steps"] + 1}

    def _say(self, events: list[Payload], cause: Metadata, key: Key, *, beside: bool) -> list[Envelope]:
        given = {taken.name: self._latest(taken, events, key) for taken in self.declaration.inputs}
        run = " ".join(key)
        return fitted(self.stamp(self.run(cause, run, **given), cause, run), events, beside=beside)

    def _refuses(self, said: Envelope) -> bool:
        refusals = (event.contract for event in self.declaration.publishes if issubclass(event, Refusal))
        return (said["source"], said["detail-type"]) in {(known.source, known.detail_type) for known in refusals}

    def _latest(self, taken: Input, events: list[Payload], key: Key) -> Event | list[Event] | None:
        found = [
            _keyed(decode(redeemed(envelope), event_type), key)  # type: ignore[arg-type]
            for envelope in reversed(events)
            for event_type in taken.events
            if (envelope["source"], envelope["detail-type"])
            == (event_type.contract.source, event_type.contract.detail_type)
        ]
        if taken.many:
            return found
        if not found and not taken.optional:
            raise MissingEvent(
                f"{self.declaration.name} asks for {' or '.join(e.__name__ for e in taken.events)}, which no step "
                f"before it has said: reorder the steps, or annotate {taken.name!r} with '| None'."
            )
        return found[0] if found else None


def _joined(flow: Payload) -> Payload:
    """The flow, with the events of the steps that ran side by side before this one."""
    branches = flow.get("branches", ())
    joined = [event for branch in branches for event in branch["events"]]
    rest = {name: value for name, value in flow.items() if name not in _OF_A_TRY}
    steps = max(each.get("steps", 0) for each in (flow, *branches))
    return {**rest, "events": [*flow["events"], *joined], "steps": steps}


def _key(execution: str, flow: Payload) -> Key:
    """What a task has in common with itself when it is tried again, or redriven, and with no other task.

    A state that is entered again finds another flow: `steps` counts those that were run before it, whatever they said.
    """
    return execution, hashlib.sha256(json.dumps(flow, sort_keys=True).encode()).hexdigest()


def _keyed(event: Event, key: Key) -> Event:
    """The event as this task knows it: what it writes once, another execution may write again."""
    return event.stamped(event.metadata.model_copy(update={"idempotency_key": " ".join((event.metadata.key, *key))}))


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(*, repeatable: str | None = None) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(function: Callable[P, R] | None = None, /, **declared: Any) -> Any:
    """Declare a task of a mediator. It runs once for each time that its state is entered, tried again or redriven.

    `repeatable` says why it may as well run twice, and saves the record of what was done.
    """
    return Step(function, **declared) if function else lambda given: Step(given, **declared)
