"""@projection: a function from an event and a row to the row that follows, which the kit keeps as a read model.

`def handler(event: OrderPlaced | OrderCompleted, order: OrderView | None) -> OrderView | None`: the row of the event's
key, as the events before it have made it, and what becomes of it; None is no row. An event is folded in once, however
often it comes; those of a stream of an event store are folded in its order, whatever comes first. It says nothing, so
that a rebuild has no effects.
"""

import functools
import inspect
import os
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from millrace.events import Event, decode
from millrace.events.sensitive import redacting, type_and_size
from millrace.runtime import observe
from millrace.runtime.batch import each_event
from millrace.runtime.claims import redeemed
from millrace.runtime.declaration import Declaration, Input, name_of
from millrace.runtime.folding import Folding, StreamGapError, Told
from millrace.runtime.processor import Handler, Payload
from millrace.runtime.quarantine import UnexpectedEventError, accepted
from millrace.runtime.read_models import Side, Tables, View
from millrace.runtime.signatures import SignatureError, events_among, hints_of, options
from millrace.runtime.streams import Stored, Streams

P = ParamSpec("P")
R = TypeVar("R")
READ_MODEL = "MILLRACE_READ_MODEL"
STORES = "MILLRACE_STORES"
"""The environment variables that name a projection's own tables, and the event stores that it may read."""
_ONCE = "a projection marks in its ledger what it has folded in"


class Projection(Handler[P, R]):
    """A handler that keeps a read model."""

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.declaration, self.view = _declared(function)
        self._known = {(e.contract.source, e.contract.detail_type): e for e in self.declaration.consumes}

    def invoked(self, payload: Payload, context: Any = None) -> Any:
        """Answer a batch of a queue, a call of a rule, or one of `millrace rebuild`."""
        if isinstance(payload, dict) and "rebuild" in payload:
            from millrace.runtime.rebuild import rebuild  # noqa: PLC0415 - it is needed once in a while

            return rebuild(self, payload["rebuild"])
        return each_event(payload, context, self._handle)

    def _handle(self, envelope: Payload, attempt: int) -> None:
        try:
            events = list(accepted([envelope], attempt, self._decode))
            tables = self.tables()
            for side in tables.ledger.pointer().kept if events else ():
                self.take(tables, side, [Told.of(event) for event in events])
        except Exception as error:
            observe.failed(envelope, attempt, error)
            raise
        for event in events:
            observe.handled(event.contract.detail_type, event.metadata, attempt, [])

    def take(self, tables: Tables, side: Side, told: list[Told]) -> None:
        """Fold events into a side, with those between that are missing. Raises LookupError where no store has them."""
        folding = Folding(side, tables, self.view, self.fold)
        try:
            folding.take(told)
        except StreamGapError as gap:
            missing = self._missing(gap)
            folding.take(missing)
            self.take(tables, side, told)

    def fold(self, event: Event, row: View | None) -> View | None:
        """The row that follows."""
        folded: Callable[..., Any] = self.function
        with redacting(event.secrets):
            followed = folded(event, row)
        if followed is not None and type(followed) is not self.view:
            raise TypeError(
                f"{self.declaration.name} returned {type_and_size(followed)}, and keeps {self.view.__name__}."
            )
        return followed

    def told(self, store: Streams, stored: Stored) -> Told:
        """What an event of a store is to this projection."""
        event = self._known.get((stored.envelope["source"], stored.envelope["detail-type"]))
        decoded = decode(store.whole(stored), event) if event else None
        return Told(decoded, stored.stream, stored.version)

    @staticmethod
    def tables() -> Tables:
        """The tables that the construct names."""
        return Tables.opened(READ_MODEL, "its own")

    @staticmethod
    def stores() -> list[Streams]:
        """The event stores that the construct names."""
        return [Streams.at(address) for address in os.environ.get(STORES, "").split(",") if address]

    def _missing(self, gap: StreamGapError) -> list[Told]:
        for store in self.stores():
            found = [self.told(store, stored) for stored in store.read(gap.stream, gap.after, gap.until)]
            if found:
                return found
        raise LookupError(
            f"{gap} No event store of {self.declaration.name} has what is between: give its construct "
            f"stores=[…] with the one that the stream is of."
        )

    def _decode(self, envelope: Payload) -> Event:
        name = (envelope.get("source", ""), envelope.get("detail-type", ""))
        if name not in self._known:
            raise UnexpectedEventError(
                f"{self.declaration.name} takes {', '.join(e.__name__ for e in self.declaration.consumes)}, and "
                f"{name[1]!r} from {name[0]!r} came: see the rules that lead to it."
            )
        return decode(redeemed(envelope), self._known[name])  # type: ignore[arg-type]


def projection(function: Callable[P, R]) -> Projection[P, R]:
    """Declare the handler of a read model."""
    return Projection(function)


def _declared(function: Callable[..., Any]) -> tuple[Declaration, type[View]]:
    where = f"{function.__module__}.{function.__qualname__}"
    hints = hints_of(function, where)
    names = list(inspect.signature(function).parameters)
    if len(names) != 2 or not {*names, "return"} <= hints.keys():  # noqa: PLR2004 - an event and a row
        raise SignatureError(
            f"{where} is a projection: write def handler(event: AnEvent | Another, row: AView | None) -> AView | None."
        )
    events, rest = events_among(hints[names[0]])
    views = [_view(where, hints[name]) for name in (names[1], "return")]
    if not events or rest or views[0] is not views[1]:
        raise SignatureError(
            f"{where} takes {hints[names[0]]} and {hints[names[1]]}, and returns {hints['return']}: a projection takes "
            f"events and the row of one View, and returns that."
        )
    _check_key(where, events, views[0])
    inputs = (Input(names[0], tuple(events)),)
    known = Declaration(name_of(function), function.__module__, function.__qualname__, inputs, (), (), repeatable=_ONCE)
    return known, views[0]


def _view(where: str, hint: Any) -> type[View]:
    views = [option for option in options(hint) if isinstance(option, type) and issubclass(option, View)]
    if len(views) != 1 or set(options(hint)) != {views[0], type(None)}:
        raise SignatureError(f"{where} has {hint} where the row is: write a View with a key, '| None'.")
    return views[0]


def _check_key(where: str, events: Iterable[type[Event]], view: type[View]) -> None:
    for event in events:
        field = event.model_fields.get(view.key)
        if field is None or field.annotation is not str:
            raise SignatureError(
                f"{where}: {view.__name__} is found by {view.key!r}, and {event.__name__} has no such field: every "
                f"event that changes a row has its key, {view.key}: str."
            )
