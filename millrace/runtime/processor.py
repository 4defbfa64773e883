"""@processor: a function from an event to events, as the target of a rule."""

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
from millrace.runtime.idempotency import Once, Produce
from millrace.runtime.layers.views import open_view
from millrace.runtime.priming import prime
from millrace.runtime.publisher import publisher
from millrace.runtime.quarantine import UnexpectedEventError, accepted, quarantine
from millrace.runtime.read_models import open_read_model
from millrace.runtime.records import Key, PayloadMismatchError, scope
from millrace.runtime.requeue import DependencyUnavailableError
from millrace.runtime.stores import open_table

P = ParamSpec("P")
R = TypeVar("R")
Payload = dict[str, Any]


class UndeclaredEventError(TypeError):
    """A handler returned a value that its return annotation does not contain."""


class Handler(Generic[P, R]):
    """A declared function. Called with events it is the function itself; invoked by Lambda it is a Lambda handler."""

    takes_callback: ClassVar[bool] = False
    takes_batches: ClassVar[bool] = False

    def __init__(self, function: Callable[P, R], **declared: Any) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.declaration = Declaration.of(function, **declared)
        if self.declaration.callback and not self.takes_callback:
            raise SignatureError(
                f"{self.where} takes a callback, but only a @step can wait for an answer: make it a step of a mediator."
            )
        self.appended: list[Envelope] = []
        prime(batches=self.takes_batches)

    @property
    def where(self) -> str:
        """The function as `module.name`."""
        return f"{self.declaration.module}.{self.declaration.attribute}"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Handle the invocation if the arguments are the payload and context of Lambda, else call the function."""
        if args and (isinstance(args[0], dict) or hasattr(args[-1], "aws_request_id")):
            return cast("R", self.invoked(*cast("tuple[Payload, Any]", args)))
        return self.function(*args, **kwargs)

    def invoked(self, payload: Payload, context: Any = None) -> Any:
        """Handle an invocation by Lambda."""
        raise NotImplementedError

    def envelopes(self, cause: Metadata | None, run: str, **given: Any) -> list[Envelope]:
        """Call the function, and return its events with metadata. The same `run` has the same ids each time.

        Without a `cause` the function names one of the given events as the cause of each effect. Large data is
        replaced by claims before the events are stored or published.
        """
        effect = Effect(cause, self.declaration.name, f"{scope()}{run}", tuple(_events(given.values())))
        stamped = effect.stamped(self._run(effect, given), observe.traceparent())
        return [claimed(encode(event)) for event in stamped]

    def _run(self, effect: Effect, events: dict[str, Any]) -> list[Event]:
        """Call the function with its tables and stores, and check the events that it returns.

        `appended` contains the events that it has appended to event stores, whose relays publish them.
        """
        tables = {name: open_table(name) for name in self.declaration.tables}
        stores = {store.name: open_store(store.name, store.aggregate, effect) for store in self.declaration.stores}
        models = {model.name: open_read_model(model.name, model.view) for model in self.declaration.models}
        views = {view.name: open_view(view.name, view.kind) for view in self.declaration.views}
        try:
            returned = guarded(self._call, self.declaration.breaker)(**events, **tables, **stores, **models, **views)
        except ValidationError as error:
            raise ContractError.of(error.title, error, self._sensitive(error.title)) from error
        self.appended = [encode(event) for store in stores.values() for event in store.appended]
        for event in returned:
            self._check(event)
        return returned

    def _call(self, **given: Any) -> list[Any]:
        """Call the function, and return all of its events; a generator runs only when it is listed.

        Sensitive values of its arguments are redacted from its exceptions, and so from traces and logs.
        """

        @functools.wraps(self.function)
        def whole(**given: Any) -> list[Any]:
            with redacting(lambda: _secrets(given.values())):
                return list(_flatten(self.function(**given)))  # type: ignore[call-arg]

        returned: list[Any] = observe.traced(whole)(**given)
        return returned

    def _sensitive(self, title: str) -> frozenset[str] | None:
        """Return the sensitive fields of a model; None if it may be a part of an event."""
        events = {*self.declaration.consumes, *self.declaration.publishes}
        known = {event.__name__: event.sensitive() for event in events}
        return known.get(title, None if any(known.values()) else frozenset())

    def _check(self, event: object) -> None:
        if type(event) in self.declaration.returns:
            return
        declared = ", ".join(known.__name__ for known in self.declaration.returns) or "nothing"
        raise UndeclaredEventError(
            f"{self.declaration.name} returned {type(event).__name__}, but its signature declares {declared}: "
            f"add it to the return annotation of {self.where} and deploy."
        )

    def once(self, keys: list[Key], context: Any, once: Once, produce: Produce) -> list[Envelope]:
        """Publish the events that `produce` returns, once for each key, or each time if the handler is repeatable."""
        if self.declaration.repeatable:
            return once.publish(produce(keys)) if keys else []
        return once.do(keys, context.get_remaining_time_in_millis() if context else 0, produce)


class Processor(Handler[P, R]):
    """A handler of single events or of lists of them, behind a rule or a queue."""

    takes_batches = True

    def __init__(self, function: Callable[P, R], *, once_per: str | None = None, repeatable: str | None = None) -> None:
        super().__init__(function, once_per=once_per, repeatable=repeatable)
        if len(self.declaration.inputs) != 1 or self.declaration.inputs[0].optional:
            raise SignatureError(
                f"{self.where} takes {', '.join(taken.name for taken in self.declaration.inputs)}: a processor takes "
                f"one event, a union or a list of them (and tables); only a step takes several."
            )
        self._input = self.declaration.inputs[0]

    def invoked(self, payload: Payload, context: Any = None) -> Any:
        """Handle an event of a rule, or a batch of a queue or stream. Returns the batch item failures."""
        exclusive = None if is_ordered(payload) else context
        if self._input.many and is_batch(payload):
            records = payload["Records"]
            size = len(records) if self.declaration.repeatable else MAX_RECORDED
            return all_events(records, lambda envelopes, attempt: self.handle(envelopes, attempt, exclusive), size)
        return each_event(payload, context, lambda envelope, attempt: self.handle([envelope], attempt, exclusive))

    def handle(self, envelopes: list[Payload], attempt: int, context: Any = None) -> None:
        """Handle one envelope, or all envelopes of a list together. Logs and raises errors.

        The records are locked until the invocation of `context` times out; without one they are not locked.
        """
        self.appended = []
        try:
            read = [(each, event) for each in envelopes for event in accepted([each], attempt, self._decode)]
            events, published = self._once(read, attempt, context)
        except DependencyUnavailableError as unavailable:
            observe.requeued(envelopes[0], attempt, unavailable)
            raise
        except Exception as error:
            observe.failed(envelopes[0], attempt, error)
            raise
        for event, effects in _by_cause(events, [*published, *self.appended]):
            observe.handled(event.contract.detail_type, event.metadata, attempt, effects)

    def _once(
        self, read: list[tuple[Payload, Event]], attempt: int, context: Any
    ) -> tuple[list[Event], list[Envelope]]:
        """Handle the first event of each key. Returns the events that are handled, now or before, and their effects.

        A different event with the same key is quarantined.
        """
        first: dict[Key, Event] = {}
        for _, event in read:
            first.setdefault(self._key(event), event)
        prints = {key: fingerprint(event, key) for key, event in first.items()}
        once = Once(lambda envelopes: publisher().publish(envelopes), fingerprints=prints)
        published = self.once(list(first), context, once, lambda new: self._produce([first[key] for key in new]))
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
            f"data was handled before. Publish this one with a new key."
        )

    def _produce(self, events: list[Event]) -> list[Envelope]:
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
            f"but received {name[1]!r} from {name[0]!r}: check the rules that target it."
        )

    def _keyed(self, event: Event) -> Event:
        """Return the event with the value of `once_per` as its idempotency key."""
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
    """Declare a handler. Its annotations define its rule, its permissions and its node in the graph.

    It handles each event once, although events can be delivered more than once. An event is identified by its id, or
    by the field `once_per` among the events of its type. If a handler is safe to repeat, state the reason as
    `repeatable`; it then stores no idempotency record.
    """
    return Processor(function, **declared) if function else lambda given: Processor(given, **declared)


def _secrets(given: Iterable[Any]) -> list[Any]:
    """Return the sensitive values of the events among the arguments."""
    return [secret for event in _events(given) for secret in event.secrets()]


def _events(given: Iterable[Any]) -> list[Event]:
    """Return the events among the arguments, also those in lists."""
    found = [event for each in given for event in (each if isinstance(each, list) else [each])]
    return [event for event in found if isinstance(event, Event)]


def _by_cause(events: list[Event], effects: list[Envelope]) -> Iterator[tuple[Event, list[Envelope]]]:
    """Yield each event with its effects. The first one also has the effects of events of an earlier batch."""
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
