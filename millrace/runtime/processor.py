"""@processor: a function from an event to events, as a Lambda function behind a rule."""

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Generic, ParamSpec, TypeVar, cast, overload

from pydantic import ValidationError

from millrace.events import ContractError, Envelope, Event, Metadata, decode, encode
from millrace.events.sensitive import redacting
from millrace.runtime import observe
from millrace.runtime.batch import MAX_RECORDED, all_events, each_event, is_batch, is_ordered
from millrace.runtime.breaker import guarded
from millrace.runtime.claims import claimed, redeemed
from millrace.runtime.declaration import Declaration, SignatureError
from millrace.runtime.effects import Effect
from millrace.runtime.event_store import open_store
from millrace.runtime.fingerprints import fingerprint, matches
from millrace.runtime.idempotency import Key, Once, PayloadMismatchError, Say, scope
from millrace.runtime.publisher import publisher
from millrace.runtime.quarantine import UnexpectedEventError, accepted, quarantine
from millrace.runtime.read_models import open_read_model
from millrace.runtime.requeue import DependencyUnavailableError
from millrace.runtime.stores import open_table

P = ParamSpec("P")
R = TypeVar("R")
Payload = dict[str, Any]


class UndeclaredEventError(TypeError):
    """A handler returned an event that its signature does not name, or no event at all."""


class Handler(Generic[P, R]):
    """A declared function: called with events it is the function itself, called by Lambda it is a Lambda handler."""

    waits: ClassVar[bool] = False
    """Whether it may take a callback."""

    def __init__(self, function: Callable[P, R], **declared: Any) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.declaration = Declaration.of(function, **declared)
        if self.declaration.callback and not self.waits:
            raise SignatureError(
                f"{self.declaration.module}.{self.declaration.attribute} takes a callback, and only a @step waits for "
                f"an answer: make it a step of a mediator."
            )
        self.appended: list[Envelope] = []

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Answer Lambda where it calls, with whatever it hands over; be the plain function otherwise."""
        if args and (isinstance(args[0], dict) or hasattr(args[-1], "aws_request_id")):
            return cast("R", self.invoked(*cast("tuple[Payload, Any]", args)))
        return self.function(*args, **kwargs)

    def invoked(self, payload: Payload, context: Any = None) -> Any:
        """Answer Lambda's call."""
        raise NotImplementedError

    def envelopes(self, cause: Metadata | None, run: str, **given: Any) -> list[Envelope]:
        """Call the function, and give what it publishes, stamped: the same ids each time, for the same `run`.

        Without a `cause` the function names one of the given events as the cause of each effect. Large data is
        claimed, before anything is kept or published.
        """
        effect = Effect(cause, self.declaration.name, f"{scope()}{run}", tuple(_events(given.values())))
        stamped = effect.stamped(self._run(effect, given), observe.traceparent())
        return [claimed(encode(event)) for event in stamped]

    def _run(self, effect: Effect, events: dict[str, Any]) -> list[Event]:
        """Call the function with its tables and stores, and check that it returns just what it declares.

        `appended` holds what it has appended to event stores: that is published from there.
        """
        tables = {name: open_table(name) for name in self.declaration.tables}
        stores = {store.name: open_store(store.name, store.aggregate, effect) for store in self.declaration.stores}
        models = {model.name: open_read_model(model.name, model.view) for model in self.declaration.models}
        try:
            said = guarded(self._said, self.declaration.breaker)(**events, **tables, **stores, **models)
        except ValidationError as error:
            raise ContractError.of(error.title, error, self._sensitive(error.title)) from error
        self.appended = [encode(event) for store in stores.values() for event in store.appended]
        for event in said:
            self._check(event)
        return said

    def _said(self, **given: Any) -> list[Any]:
        """What the function returns, all of it: a generator runs no sooner than it is listed.

        What it raises says nothing of the sensitive values that it was given, to no trace and to no log.
        """

        @functools.wraps(self.function)
        def whole(**given: Any) -> list[Any]:
            with redacting(lambda: _secrets(given.values())):
                return list(_flatten(self.function(**given)))  # type: ignore[call-arg]

        said: list[Any] = observe.traced(whole)(**given)
        return said

    def _sensitive(self, title: str) -> frozenset[str] | None:
        """The fields of a model that no error may show; None where it is no event, and may be a part of one."""
        events = {*self.declaration.consumes, *self.declaration.publishes}
        known = {event.__name__: event.sensitive() for event in events}
        return known.get(title, None if any(known.values()) else frozenset())

    def _check(self, event: object) -> None:
        if type(event) in self.declaration.returns:
            return
        declared = ", ".join(known.__name__ for known in self.declaration.returns) or "nothing"
        raise UndeclaredEventError(
            f"{self.declaration.name} returned {type(event).__name__}, and its signature declares {declared}: "
            f"add it to the return annotation of {self.declaration.module}.{self.declaration.attribute} and deploy."
        )

    def once(self, keys: list[Key], context: Any, once: Once, say: Say) -> list[Envelope]:
        """Publish what `say` says for the keys, once for each; each time, if the handler is repeatable."""
        if self.declaration.repeatable:
            return once.publish(say(keys)) if keys else []
        return once.do(keys, context.get_remaining_time_in_millis() if context else 0, say)


class Processor(Handler[P, R]):
    """A handler of single events or of lists of them, behind a rule or a queue."""

    def __init__(self, function: Callable[P, R], *, once_per: str | None = None, repeatable: str | None = None) -> None:
        super().__init__(function, once_per=once_per, repeatable=repeatable)
        if len(self.declaration.inputs) != 1 or self.declaration.inputs[0].optional:
            raise SignatureError(
                f"{self.declaration.module}.{self.declaration.attribute} takes "
                f"{', '.join(taken.name for taken in self.declaration.inputs)}: a processor takes one event, "
                f"a union or a list of them (and tables); only a step takes several."
            )
        self._input = self.declaration.inputs[0]

    def invoked(self, payload: Payload, context: Any = None) -> Any:
        """Answer a call of EventBridge, or a batch of a queue or stream with the records that failed."""
        alone = None if is_ordered(payload) else context
        if self._input.many and is_batch(payload):
            records = payload["Records"]
            at_once = len(records) if self.declaration.repeatable else MAX_RECORDED
            return all_events(records, lambda envelopes, attempt: self.handle(envelopes, attempt, alone), at_once)
        return each_event(payload, context, lambda envelope, attempt: self.handle([envelope], attempt, alone))

    def handle(self, envelopes: list[Payload], attempt: int, context: Any = None) -> None:
        """Handle one envelope, or all envelopes of a list as one. Logs and raises what goes wrong.

        Until the time of `context` is over no other delivery may; without one, any may that comes.
        """
        self.appended = []
        try:
            read = [(each, event) for each in envelopes for event in accepted([each], attempt, self._decode)]
            events, published = self._once(read, attempt, context)
        except DependencyUnavailableError as waits:
            observe.requeued(envelopes[0], attempt, waits)
            raise
        except Exception as error:
            observe.failed(envelopes[0], attempt, error)
            raise
        for event, effects in _by_cause(events, [*published, *self.appended]):
            observe.handled(event.contract.detail_type, event.metadata, attempt, effects)

    def _once(
        self, read: list[tuple[Payload, Event]], attempt: int, context: Any
    ) -> tuple[list[Event], list[Envelope]]:
        """Handle the first event of each key. Gives the events that are handled now or were before, and what followed.

        Another event under the same key goes to quarantine.
        """
        first: dict[Key, Event] = {}
        for _, event in read:
            first.setdefault(self._key(event), event)
        prints = {key: fingerprint(event, key) for key, event in first.items()}
        once = Once(lambda said: publisher().publish(said), fingerprints=prints)
        published = self.once(list(first), context, once, lambda new: self._say([first[key] for key in new]))
        events = []
        for envelope, event in read:
            key = self._key(event)
            if matches(fingerprint(event, key), once.fingerprints[key]):
                events.append(event)
            else:
                quarantine(envelope, attempt, self._mismatch(event))
        return events, published

    def _key(self, event: Event) -> Key:
        known = event.metadata.event_id if self.declaration.repeatable else event.metadata.key
        return event.contract.source, event.contract.detail_type, known

    def _mismatch(self, event: Event) -> PayloadMismatchError:
        return PayloadMismatchError(
            f"Another {type(event).__name__} with the same {self.declaration.once_per or 'idempotency_key'} and other "
            f"data was handled before. Publish this one under a key of its own."
        )

    def _say(self, events: list[Event]) -> list[Envelope]:
        if self._input.many:
            return self.envelopes(None, "", **{self._input.name: events})
        return self.envelopes(events[0].metadata, "", **{self._input.name: events[0]})

    def _decode(self, envelope: Payload) -> Event:
        name = (envelope.get("source"), envelope.get("detail-type"))
        for event in self._input.events:
            if name == (event.contract.source, event.contract.detail_type):
                return self._keyed(decode(redeemed(envelope), event))  # type: ignore[arg-type]
        raise UnexpectedEventError(
            f"{self.declaration.name} takes {', '.join(e.__name__ for e in self._input.events)}, "
            f"and {name[1]!r} from {name[0]!r} came: see the rules that lead to it."
        )

    def _keyed(self, event: Event) -> Event:
        """The event, with its business key, where the handler goes by one."""
        value = getattr(event, self.declaration.once_per) if self.declaration.once_per else None
        if value is None:
            return event
        return event.stamped(event.metadata.model_copy(update={"idempotency_key": str(value)}))


@overload
def processor(function: Callable[P, R], /) -> Processor[P, R]: ...
@overload
def processor(
    *, once_per: str | None = None, repeatable: str | None = None
) -> Callable[[Callable[P, R]], Processor[P, R]]: ...
def processor(function: Callable[P, R] | None = None, /, **declared: Any) -> Any:
    """Declare a handler: its annotations are its rule, its permissions and its place in the graph.

    It handles each event once, whatever is delivered or killed: by its id, or by the field `once_per` for those of one
    type. `repeatable` says why it may as well run twice, and saves the record of what was handled.
    """
    return Processor(function, **declared) if function else lambda given: Processor(given, **declared)


def _secrets(given: Iterable[Any]) -> list[Any]:
    """The sensitive values of the events among a function's arguments."""
    return [secret for event in _events(given) for secret in event.secrets()]


def _events(given: Iterable[Any]) -> list[Event]:
    """The events among a function's arguments, those in lists too."""
    found = [event for each in given for event in (each if isinstance(each, list) else [each])]
    return [event for event in found if isinstance(event, Event)]


def _by_cause(events: list[Event], effects: list[Envelope]) -> Iterator[tuple[Event, list[Envelope]]]:
    """Each event with its own effects. The first one also has those of events that an earlier batch handled."""
    found: dict[str, list[Envelope]] = {event.metadata.event_id: [] for event in events}
    for effect in effects if events else ():
        cause = effect["detail"]["metadata"]["causation_id"]
        found[cause if cause in found else events[0].metadata.event_id].append(effect)
    for event in events:
        yield event, found.pop(event.metadata.event_id, [])


def _flatten(result: Any) -> Iterable[Any]:
    if result is None:
        return []
    return [result] if isinstance(result, Event) or not isinstance(result, Iterable) else result
