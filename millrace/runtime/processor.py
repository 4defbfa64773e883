"""@processor: a function from an event to events, as a Lambda function behind a rule."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, Generic, ParamSpec, TypeVar, cast

from pydantic import ValidationError

from millrace.events import BrokenContract, Envelope, Event, Metadata, decode, encode
from millrace.runtime import observe
from millrace.runtime.batch import all_events, each_event
from millrace.runtime.breaker import guarded
from millrace.runtime.declaration import Declaration, UnclearSignature
from millrace.runtime.publisher import publisher
from millrace.runtime.stores import open_table
from millrace.runtime.waiting import Waits

P = ParamSpec("P")
R = TypeVar("R")
Payload = dict[str, Any]


class UndeclaredEvent(TypeError):
    """A handler returned an event that its signature does not name, or no event at all."""


class UnexpectedEvent(TypeError):
    """An event came that the handler's signature does not name."""


class Handler(Generic[P, R]):
    """A declared function: called with events it is the function itself, called by Lambda it is a Lambda handler."""

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.declaration = Declaration.of(function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Answer Lambda where the first argument is a dict; be the plain function otherwise."""
        if args and isinstance(args[0], dict):
            return cast("R", self.invoked(*cast("tuple[Payload, Any]", args)))
        return self.function(*args, **kwargs)

    def invoked(self, payload: Payload, context: Any = None) -> Any:
        """Answer Lambda's call."""
        raise NotImplementedError

    def run(self, **events: Any) -> list[Event]:
        """Call the function with its stores, and check that it returns just what it declares."""
        tables = {name: open_table(name) for name in self.declaration.tables}
        try:
            said = guarded(self._said, self.declaration.breaker)(**events, **tables)
        except ValidationError as error:
            raise BrokenContract.of(error.title, error) from error
        for event in said:
            self._check(event)
        return said

    def _said(self, **given: Any) -> list[Any]:
        """What the function returns, all of it: a generator runs no sooner than it is listed."""
        result: Any = observe.traced(self.function)(**given)
        return list(_flatten(result))

    def _check(self, event: object) -> None:
        if type(event) in self.declaration.publishes:
            return
        declared = ", ".join(known.__name__ for known in self.declaration.publishes) or "nothing"
        raise UndeclaredEvent(
            f"{self.declaration.name} returned {type(event).__name__}, and its signature declares {declared}: "
            f"add it to the return annotation of {self.declaration.module}.{self.declaration.attribute} and deploy."
        )

    def stamp(self, events: Iterable[Event], cause: Metadata) -> list[Envelope]:
        """Give new events their metadata, as effects of `cause`."""
        trace = observe.traceparent()
        return [
            encode(
                event.stamped(
                    cause.causes(producer=self.declaration.name, version=event.contract.version, traceparent=trace)
                )
            )
            for event in events
        ]


class Processor(Handler[P, R]):
    """A handler of single events or of lists of them, behind a rule or a queue."""

    def __init__(self, function: Callable[P, R]) -> None:
        super().__init__(function)
        if len(self.declaration.inputs) != 1 or self.declaration.inputs[0].optional:
            raise UnclearSignature(
                f"{self.declaration.module}.{self.declaration.attribute} takes "
                f"{', '.join(taken.name for taken in self.declaration.inputs)}: a processor takes one event, "
                f"a union or a list of them (and tables); only a step takes several."
            )
        self._input = self.declaration.inputs[0]

    def invoked(self, payload: Payload, context: Any = None) -> Any:
        """Answer a call of EventBridge, or a batch of a queue or stream with the records that failed."""
        if self._input.many and "Records" in payload:
            return all_events(payload["Records"], self.handle)
        return each_event(payload, context, lambda envelope, attempt: self.handle([envelope], attempt))

    def handle(self, envelopes: list[Payload], attempt: int) -> None:
        """Handle one envelope, or all envelopes of a list as one. Logs and raises what goes wrong."""
        try:
            events = [self._decode(envelope) for envelope in envelopes]
            given = events if self._input.many else events[0]
            published = self.stamp(self.run(**{self._input.name: given}), events[0].metadata)
            if published:
                publisher().publish(published)
        except Waits as waits:
            observe.waits(envelopes[0], attempt, waits)
            raise
        except Exception as error:
            observe.failed(envelopes[0], attempt, error)
            raise
        for event in events:
            observe.handled(event.contract.detail_type, event.metadata, attempt, published)
            published = []

    def _decode(self, envelope: Payload) -> Event:
        name = (envelope.get("source"), envelope.get("detail-type"))
        for event in self._input.events:
            if name == (event.contract.source, event.contract.detail_type):
                return decode(envelope, event)  # type: ignore[arg-type]
        raise UnexpectedEvent(
            f"{self.declaration.name} takes {', '.join(e.__name__ for e in self._input.events)}, "
            f"and {name[1]!r} from {name[0]!r} came: see the rules that lead to it."
        )


def processor(function: Callable[P, R]) -> Processor[P, R]:
    """Declare a handler: its annotations are its rule, its permissions and its place in the graph."""
    return Processor(function)


def _flatten(result: Any) -> Iterable[Any]:
    if result is None:
        return []
    return [result] if isinstance(result, Event) or not isinstance(result, Iterable) else result
