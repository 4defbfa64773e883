"""@step: a function from events to events, as a task of a state machine.

The machine hands each step the flow so far, `{"events": [envelope, …], "refused": bool}`, whose first event started
it. A parameter is given the latest event of its type; the step's own events are published and added to the flow.
"""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from millrace.events import Event, Metadata, Refusal, decode
from millrace.runtime import observe
from millrace.runtime.breaker import MisplacedBreaker
from millrace.runtime.declaration import Input
from millrace.runtime.processor import Handler, Payload
from millrace.runtime.publisher import publisher

P = ParamSpec("P")
R = TypeVar("R")


class MissingEvent(LookupError):
    """A step asks for an event that the flow has not seen."""


class Step(Handler[P, R]):
    """A task of a mediator."""

    def __init__(self, function: Callable[P, R]) -> None:
        super().__init__(function)
        if self.declaration.breaker:
            raise MisplacedBreaker(
                f"{self.declaration.module}.{self.declaration.attribute} is a @step with a @breaker, and a step has no "
                f"queue to wait in: take it off, and let the state machine try again."
            )

    def invoked(self, payload: Payload, context: Any = None) -> Payload:  # noqa: ARG002 - Lambda's own signature
        """Run the step on a flow and answer with the flow that goes on."""
        flow = payload["flow"]
        attempt = int(payload.get("attempt", 0)) + 1
        start = flow["events"][0]
        try:
            cause = Metadata.model_validate(start["detail"]["metadata"])
            said = self.run(**{taken.name: self._latest(taken, flow["events"]) for taken in self.declaration.inputs})
            published = self.stamp(said, cause)
            if published:
                publisher().publish(published)
        except Exception as error:
            observe.failed(start, attempt, error)
            raise
        observe.handled(start["detail-type"], cause, attempt, published)
        refused = any(isinstance(event, Refusal) for event in said)
        return {**flow, "events": [*flow["events"], *published], "refused": refused}

    def _latest(self, taken: Input, events: list[Payload]) -> Event | list[Event] | None:
        found = [
            decode(envelope, event_type)  # type: ignore[arg-type]
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


def step(function: Callable[P, R]) -> Step[P, R]:
    """Declare a task of a mediator."""
    return Step(function)
