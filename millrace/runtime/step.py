"""@step: a function from events to events, as a task of a state machine.

The machine hands each step the flow so far, `{"events": [envelope, …], "refused": bool, "steps": int}`, whose first
event started it. A parameter is given the latest event of its type; the step's own events are published and added to
the flow. A step that runs beside others is asked for its own events alone; the step after them finds them in the
flow's `branches`.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from millrace.events import Envelope, Event, Metadata, Refusal, decode, encode
from millrace.runtime import observe
from millrace.runtime.breaker import MisplacedBreakerError
from millrace.runtime.callbacks import Callback, Expected
from millrace.runtime.claims import claimed, fitted, redeemed
from millrace.runtime.declaration import Input, SignatureError
from millrace.runtime.idempotency import Key, Once
from millrace.runtime.processor import Handler, Payload
from millrace.runtime.publisher import publisher
from millrace.runtime.quarantine import UnexpectedEventError

_OF_A_TRY = ("branches", "redrive_count", "answer")
"""What says nothing of the flow itself: answers that are joined to it, the redrives before a fork asked, and how a
task that waited came to its end."""
if TYPE_CHECKING:
    from millrace.runtime.tokens import Asking

P = ParamSpec("P")
R = TypeVar("R")


class MissingEventError(LookupError):
    """A step asks for an event that the flow has not seen."""


class Step(Handler[P, R]):
    """A task of a mediator. One that waits for an answer is called twice: to ask, and with the answer."""

    waits = True

    def __init__(
        self,
        function: Callable[P, R],
        *,
        repeatable: str | None = None,
        timeout: timedelta | None = None,
    ) -> None:
        super().__init__(function, repeatable=repeatable, timeout=timeout)
        if self.declaration.breaker:
            raise MisplacedBreakerError(
                f"{self.declaration.module}.{self.declaration.attribute} is a @step with a @breaker, and a step has no "
                f"queue to wait in: take it off, and let the state machine try again."
            )
        refusals = [event.__name__ for event in self.declaration.returns if issubclass(event, Refusal)]
        if self.declaration.callback and refusals:
            raise SignatureError(
                f"{self.declaration.module}.{self.declaration.attribute} returns {', '.join(refusals)}, and goes on "
                f"waiting: a step that takes a callback is refused by its answer alone. Refuse in a step before it."
            )

    def invoked(self, payload: Payload, context: Any = None) -> Payload:
        """Run the step on a flow and answer with the flow that goes on."""
        flow = _joined(payload["flow"])
        attempt = int(payload.get("attempt", 0)) + 1
        start = flow["events"][0]
        self.appended = []
        try:
            cause = Metadata.model_validate(start["detail"]["metadata"])
            asked, published = self._publish(payload, flow, cause, context)
        except Exception as error:
            observe.failed(start, attempt, error)
            raise
        observe.handled(start["detail-type"], cause, attempt, [*published, *self.appended])
        if "token" in payload:
            return {}
        refused = any(self._refuses(envelope) for envelope in published)
        before = {"events": []} if payload.get("parallel") else flow
        said = [*before["events"], *asked, *published]
        return {**before, "events": said, "refused": refused, "steps": flow["steps"] + 1}

    def _publish(
        self, payload: Payload, flow: Payload, cause: Metadata, context: Any
    ) -> tuple[list[Envelope], list[Envelope]]:
        """What the step says, published once; or what it has asked with, and the answer, published once."""
        key, parallel = _key(str(payload.get("execution", "")), flow), bool(payload.get("parallel"))
        expected = self.declaration.callback
        if expected and "token" not in payload:
            return self._hear(flow["events"], cause, key, context, parallel=parallel)
        asking = _asking(key, payload, expected) if expected else None
        once = Once(_opening(asking), replies=True)
        said = self.once(
            [key], context, once, lambda _: self._say(flow["events"], cause, key, asking, parallel=parallel)
        )
        if asking:
            asking.open(said)
        return [], said

    def _say(
        self, events: list[Payload], cause: Metadata, key: Key, asking: "Asking | None", *, parallel: bool
    ) -> list[Envelope]:
        given: dict[str, Any] = {taken.name: self._latest(taken, events, key) for taken in self.declaration.inputs}
        if asking and self.declaration.callback:
            given[self.declaration.callback.name] = Callback[Any](asking.id)
        return fitted(self.envelopes(cause, " ".join(key), **given), events, parallel=parallel)

    def _hear(
        self, events: list[Payload], cause: Metadata, key: Key, context: Any, *, parallel: bool
    ) -> tuple[list[Envelope], list[Envelope]]:
        """What the step has asked with, and the answer as an event of this flow, which that has caused."""
        from millrace.runtime.tokens import heard  # noqa: PLC0415 - few steps wait

        answer, asked = heard(key)
        for envelope in asked[-1:]:
            cause = Metadata.model_validate(envelope["detail"]["metadata"])

        def say(_new: list[Key]) -> list[Envelope]:
            contract = (event := self._answer(answer)).contract
            run = " ".join(key)
            told = cause.causes(producer=contract.source, position=0, version=contract.version, run=run)
            return fitted([claimed(encode(event.stamped(told)))], [*events, *asked], parallel=parallel)

        return asked, self.once([(*key, "answer")], context, Once(_opening(None), replies=True), say)

    def _answer(self, envelope: Envelope) -> Event:
        name = (envelope["source"], envelope["detail-type"])
        known = self.declaration.callback.events if self.declaration.callback else ()
        for event in known:
            if name == (event.contract.source, event.contract.detail_type):
                return decode(envelope, event)
        raise UnexpectedEventError(
            f"{self.declaration.name} waits for {', '.join(event.__name__ for event in known) or 'nothing'}, and was "
            f"answered with {name[1]!r} from {name[0]!r}: deploy the door and the step together."
        )

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
            raise MissingEventError(
                f"{self.declaration.name} asks for {' or '.join(e.__name__ for e in taken.events)}, which no step "
                f"before it has said: reorder the steps, or annotate {taken.name!r} with '| None'."
            )
        return found[0] if found else None


def _asking(key: Key, payload: Payload, expected: Expected) -> "Asking":
    from millrace.runtime.tokens import Asking  # noqa: PLC0415 - few steps wait

    number = (int(payload["redrives"]) << 16) + int(payload["attempt"])
    return Asking(key, payload["token"], number, expected)


def _opening(asking: "Asking | None") -> Callable[[list[Envelope]], None]:
    """Publish what a step says; of one that asks, no sooner than it can be answered."""

    def publish(said: list[Envelope]) -> None:
        if asking:
            asking.open(said)
        publisher().publish(said)

    return publish


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
def step(
    *, repeatable: str | None = None, timeout: timedelta | None = None
) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(function: Callable[P, R] | None = None, /, **declared: Any) -> Any:
    """Declare a task of a mediator. It runs once for each time that its state is entered, tried again or redriven.

    `repeatable` says why it may as well run twice, and saves the record of what was done. One that takes a `Callback`
    waits for its answer: for a day, unless `timeout` says otherwise. Then it fails with States.Timeout.
    """
    return Step(function, **declared) if function else lambda given: Step(given, **declared)
