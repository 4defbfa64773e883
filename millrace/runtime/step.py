"""@step: a function from events to events, as a task of a state machine.

The state machine passes each step the flow, `{"events": [envelope, …], "refused": bool, "steps": int}`. The first event
started the execution. A parameter receives the latest event of its type. The events that the step returns are published
and added to the flow. A step that runs in parallel returns its own events only; the next step finds them in the
`branches` of the flow.
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
from millrace.runtime.idempotency import Once
from millrace.runtime.processor import Handler, Payload
from millrace.runtime.publisher import publisher
from millrace.runtime.quarantine import UnexpectedEventError
from millrace.runtime.records import Key

_NOT_OF_THE_FLOW = ("branches", "redrive_count", "answer")
"""Keys that do not belong to the flow: results of parallel steps, the redrive count when they started, and the output
of a task that waited for a callback."""
if TYPE_CHECKING:
    from millrace.runtime.tokens import CallbackAttempt

P = ParamSpec("P")
R = TypeVar("R")


class MissingEventError(LookupError):
    """A step takes an event that the flow does not contain."""


class Step(Handler[P, R]):
    """A task of a mediator. A step that waits for a callback is invoked twice: for the request, and for the answer."""

    takes_callback = True

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
                f"{self.where} is a @step with a @breaker, but a step has no queue for its events. Remove the breaker: "
                f"the state machine retries the step."
            )
        refusals = [event.__name__ for event in self.declaration.returns if issubclass(event, Refusal)]
        if self.declaration.callback and refusals:
            raise SignatureError(
                f"{self.where} returns {', '.join(refusals)} and takes a callback. Only the answer can refuse a step "
                f"that waits: return the refusal from a step before it."
            )

    def invoked(self, payload: Payload, context: Any = None) -> Payload:
        """Run the step, and return the flow for the next step."""
        flow = _joined(payload["flow"])
        attempt = int(payload.get("attempt", 0)) + 1
        start = flow["events"][0]
        self.appended = []
        try:
            cause = Metadata.model_validate(start["detail"]["metadata"])
            requested, published = self._publish(payload, flow, cause, context)
        except Exception as error:
            observe.failed(start, attempt, error)
            raise
        observe.handled(start["detail-type"], cause, attempt, [*published, *self.appended])
        if "token" in payload:
            return {}
        refused = any(self._refuses(envelope) for envelope in published)
        before = {"events": []} if payload.get("parallel") else flow
        events = [*before["events"], *requested, *published]
        return {**before, "events": events, "refused": refused, "steps": flow["steps"] + 1}

    def _publish(
        self, payload: Payload, flow: Payload, cause: Metadata, context: Any
    ) -> tuple[list[Envelope], list[Envelope]]:
        """Publish the events of the step once. Returns those that requested its callback, and those published now."""
        key, parallel = _key(str(payload.get("execution", "")), flow), bool(payload.get("parallel"))
        expected = self.declaration.callback
        if expected and "token" not in payload:
            return self._resume(flow["events"], cause, key, context, parallel=parallel)
        attempt = _callback_attempt(key, payload, expected) if expected else None
        once = Once(_opening(attempt), replies=True)
        published = self.once(
            [key], context, once, lambda _: self._produce(flow["events"], cause, key, attempt, parallel=parallel)
        )
        if attempt:
            attempt.open(published)
        return [], published

    def _produce(
        self, events: list[Payload], cause: Metadata, key: Key, attempt: "CallbackAttempt | None", *, parallel: bool
    ) -> list[Envelope]:
        given: dict[str, Any] = {taken.name: self._latest(taken, events, key) for taken in self.declaration.inputs}
        if attempt and self.declaration.callback:
            given[self.declaration.callback.name] = Callback[Any](attempt.id)
        return fitted(self.envelopes(cause, " ".join(key), **given), events, parallel=parallel)

    def _resume(
        self, events: list[Payload], cause: Metadata, key: Key, context: Any, *, parallel: bool
    ) -> tuple[list[Envelope], list[Envelope]]:
        """Publish the answer as an event of this flow, caused by the last event that requested it."""
        from millrace.runtime.tokens import receive_answer  # noqa: PLC0415 - few steps wait

        answer, requested = receive_answer(key)
        for envelope in requested[-1:]:
            cause = Metadata.model_validate(envelope["detail"]["metadata"])

        def produce(_new: list[Key]) -> list[Envelope]:
            contract = (event := self._answer(answer)).contract
            run = " ".join(key)
            metadata = cause.causes(producer=contract.source, position=0, version=contract.version, run=run)
            return fitted([claimed(encode(event.stamped(metadata)))], [*events, *requested], parallel=parallel)

        return requested, self.once([(*key, "answer")], context, Once(_opening(None), replies=True), produce)

    def _answer(self, envelope: Envelope) -> Event:
        name = (envelope["source"], envelope["detail-type"])
        known = self.declaration.callback.events if self.declaration.callback else ()
        for event in known:
            if name == (event.contract.source, event.contract.detail_type):
                return decode(envelope, event)
        raise UnexpectedEventError(
            f"{self.declaration.name} waits for {', '.join(event.__name__ for event in known) or 'nothing'}, but "
            f"received {name[1]!r} from {name[0]!r}: deploy the ingress endpoint and the step together."
        )

    def _refuses(self, envelope: Envelope) -> bool:
        refusals = (event.contract for event in self.declaration.publishes if issubclass(event, Refusal))
        return (envelope["source"], envelope["detail-type"]) in {
            (known.source, known.detail_type) for known in refusals
        }

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
                f"{self.declaration.name} takes {' or '.join(e.__name__ for e in taken.events)}, which no earlier step "
                f"published: reorder the steps, or annotate {taken.name!r} with '| None'."
            )
        return found[0] if found else None


def _callback_attempt(key: Key, payload: Payload, expected: Expected) -> "CallbackAttempt":
    from millrace.runtime.tokens import CallbackAttempt  # noqa: PLC0415 - few steps wait

    number = (int(payload["redrives"]) << 16) + int(payload["attempt"])
    return CallbackAttempt(key, payload["token"], number, expected)


def _opening(attempt: "CallbackAttempt | None") -> Callable[[list[Envelope]], None]:
    """Return a function that opens the callback, if there is one, before it publishes events."""

    def publish(envelopes: list[Envelope]) -> None:
        if attempt:
            attempt.open(envelopes)
        publisher().publish(envelopes)

    return publish


def _joined(flow: Payload) -> Payload:
    """Return the flow with the events of the parallel steps before this one."""
    branches = flow.get("branches", ())
    joined = [event for branch in branches for event in branch["events"]]
    rest = {name: value for name, value in flow.items() if name not in _NOT_OF_THE_FLOW}
    steps = max(each.get("steps", 0) for each in (flow, *branches))
    return {**rest, "events": [*flow["events"], *joined], "steps": steps}


def _key(execution: str, flow: Payload) -> Key:
    """Return the key of a task, which is the same when the task is retried or redriven.

    `steps` counts the steps before it, so the key differs when an execution enters the same state again.
    """
    return execution, hashlib.sha256(json.dumps(flow, sort_keys=True).encode()).hexdigest()


def _keyed(event: Event, key: Key) -> Event:
    """Return the event with a key of this task, so that another execution can repeat its writes."""
    return event.stamped(event.metadata.model_copy(update={"idempotency_key": " ".join((event.metadata.key, *key))}))


@overload
def step(function: Callable[P, R], /) -> Step[P, R]: ...
@overload
def step(
    *, repeatable: str | None = None, timeout: timedelta | None = None
) -> Callable[[Callable[P, R]], Step[P, R]]: ...
def step(function: Callable[P, R] | None = None, /, **declared: Any) -> Any:
    """Declare a task of a mediator. It runs once each time that its state is entered, also after retries and redrives.

    `repeatable` states why the step is safe to run twice; it then stores no idempotency record. A step that takes a
    `Callback` waits for its answer for `timeout`, one day by default, and then fails with States.Timeout.
    """
    return Step(function, **declared) if function else lambda given: Step(given, **declared)
