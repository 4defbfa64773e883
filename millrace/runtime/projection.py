"""@projection: a function from an event and a row to the next row, which Millrace stores as a read model.

`def handler(event: OrderPlaced | OrderCompleted, order: OrderView | None) -> OrderView | None` receives the row with
the event's key, after all earlier events, and returns the new row; None deletes the row. Each event is folded once,
although it can be delivered more than once. Events of an event store's stream are folded in the order of the stream,
also if they are delivered in another order. A projection publishes no events, so a rebuild has no side effects.
"""

import functools
import inspect
import os
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

from millrace.events import Event, decode
from millrace.events.sensitive import redacting, type_and_size
from millrace.runtime import observe
from millrace.runtime.batch import batch_or_each
from millrace.runtime.claims import redeemed
from millrace.runtime.declaration import Declaration, Input, name_of
from millrace.runtime.folding import Folding, FoldInput, StreamGapError
from millrace.runtime.processor import Handler, Payload
from millrace.runtime.quarantine import UnexpectedEventError, accepted, checked
from millrace.runtime.read_models import Color, Tables, View
from millrace.runtime.rebuild import rebuild
from millrace.runtime.signatures import SignatureError, events_among, hints_of, options
from millrace.runtime.streams import Stored, Streams

P = ParamSpec("P")
R = TypeVar("R")
READ_MODEL, STORES = "MILLRACE_READ_MODEL", "MILLRACE_STORES"
"""The environment variables with the projection's own tables, and with the event stores that it can read."""
_REPEATABLE = "the ledger of the projection marks the events that it has folded"


class Projection(Handler[P, R]):
    """A handler that writes a read model."""

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.declaration, self.view = _declared(function)
        self._known = {(e.contract.source, e.contract.detail_type): e for e in self.declaration.consumes}

    def invoked(self, payload: Payload, context: Any = None) -> Any:
        """Handle a batch of a queue, an event of a rule, or a command of `millrace rebuild`."""
        if isinstance(payload, dict) and "rebuild" in payload:
            return rebuild(self, payload["rebuild"])
        return batch_or_each(payload, context, self._handle_batch, self._handle)

    def _handle_batch(self, batch: list[tuple[Payload, int]]) -> None:
        """Fold the events of a batch together: one transaction instead of one for each event."""
        events = [checked(envelope, self._decode) for envelope, _ in batch]
        self._apply_to_written(events)
        for event, (_, attempt) in zip(events, batch, strict=True):
            observe.handled(event.contract.detail_type, event.metadata, attempt, [])

    def _handle(self, envelope: Payload, attempt: int) -> None:
        try:
            events = list(accepted([envelope], attempt, self._decode))
            self._apply_to_written(events)
        except Exception as error:
            observe.failed(envelope, attempt, error)
            raise
        for event in events:
            observe.handled(event.contract.detail_type, event.metadata, attempt, [])

    def _apply_to_written(self, events: list[Event]) -> None:
        tables = self.tables()
        for color in tables.ledger.pointer().written if events else ():
            self.apply(tables, color, [FoldInput.of(event) for event in events])

    def apply(self, tables: Tables, color: Color, inputs: list[FoldInput]) -> None:
        """Fold inputs into a table, after the missing events before them. Raises LookupError if no store has those."""
        folding = Folding(color, tables, self.view, self.fold)
        try:
            folding.apply(inputs)
        except StreamGapError as gap:
            missing = self._missing(gap)
            folding.apply(missing)
            self.apply(tables, color, inputs)

    def fold(self, event: Event, row: View | None) -> View | None:
        """Call the function, and return the next row."""
        function: Callable[..., Any] = self.function
        with redacting(event.secrets):
            folded = function(event, row)
        if folded is not None and type(folded) is not self.view:
            raise TypeError(
                f"{self.declaration.name} returned {type_and_size(folded)}, but its rows are {self.view.__name__}."
            )
        return folded

    def input_of(self, store: Streams, stored: Stored) -> FoldInput:
        """Return an event of a store as an input of the fold."""
        event = self._known.get((stored.envelope["source"], stored.envelope["detail-type"]))
        decoded = decode(store.with_data(stored), event) if event else None
        return FoldInput(decoded, stored.stream, stored.version)

    def tables(self) -> Tables:
        """Return the tables that the construct names."""
        return Tables.opened(READ_MODEL, "its own")

    def stores(self) -> list[Streams]:
        """Return the event stores that the construct names."""
        return [Streams.at(address) for address in os.environ.get(STORES, "").split(",") if address]

    def _missing(self, gap: StreamGapError) -> list[FoldInput]:
        for store in self.stores():
            found = [self.input_of(store, stored) for stored in store.read(gap.stream, gap.after, gap.until)]
            if found:
                return found
        raise LookupError(
            f"{gap} No event store of {self.declaration.name} has the events between them: pass the event store of the "
            f"stream to its construct, as stores=[…]."
        )

    def _decode(self, envelope: Payload) -> Event:
        name = (envelope.get("source", ""), envelope.get("detail-type", ""))
        if name not in self._known:
            raise UnexpectedEventError(
                f"{self.declaration.name} takes {', '.join(e.__name__ for e in self.declaration.consumes)}, but "
                f"received {name[1]!r} from {name[0]!r}: check the rules that target it."
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
            f"events and a row of one View, and returns a row of this View."
        )
    _check_key(where, events, views[0])
    inputs = (Input(names[0], tuple(events)),)
    name, module, attribute = name_of(function), function.__module__, function.__qualname__
    return Declaration(name, module, attribute, inputs, (), (), repeatable=_REPEATABLE), views[0]


def _view(where: str, hint: Any) -> type[View]:
    views = [option for option in options(hint) if isinstance(option, type) and issubclass(option, View)]
    if len(views) != 1 or set(options(hint)) != {views[0], type(None)}:
        raise SignatureError(f"{where} has {hint} as the type of its row: write a View with a key, '| None'.")
    return views[0]


def _check_key(where: str, events: Iterable[type[Event]], view: type[View]) -> None:
    for event in events:
        field = event.model_fields.get(view.key)
        if field is None or field.annotation is not str:
            raise SignatureError(
                f"{where}: the key of {view.__name__} is {view.key!r}, but {event.__name__} has no such field of type "
                f"str: add {view.key}: str to every event that changes a row."
            )
