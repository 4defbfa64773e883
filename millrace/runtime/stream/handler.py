"""@stream_processor: a function from a window of readings to events, fed by Kinesis or Kafka."""

import functools
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Generic, ParamSpec, TypeVar, cast, get_origin

from millrace.events import Envelope, Event, Metadata, encode
from millrace.events.ids import effect_id
from millrace.runtime import observe
from millrace.runtime.claims import claimed
from millrace.runtime.declaration import Declaration, name_of, published_events
from millrace.runtime.environment import required
from millrace.runtime.processor import UndeclaredEventError
from millrace.runtime.publisher import publisher
from millrace.runtime.quarantine import dead_letter
from millrace.runtime.records import scope
from millrace.runtime.signatures import SignatureError, hints_of
from millrace.runtime.stores import Table, open_table
from millrace.runtime.stream.folding import Batch, Fold, Parser
from millrace.runtime.stream.producer import STREAM, StreamProducer
from millrace.runtime.stream.readings import reading_type
from millrace.runtime.stream.records import Records, kafka_records, kinesis_records
from millrace.runtime.stream.schemas import Schemas
from millrace.runtime.stream.window_table import Stored, WindowTable, window_table
from millrace.runtime.stream.windows import Frame, Part, Slot, Window

P = ParamSpec("P")
R = TypeVar("R")
Payload = dict[str, Any]
MAX_FAILURES = 3
"""Failures of the handler with one window before the window becomes a dead letter. Until then its shard waits."""
MAX_MESSAGE_BYTES = 1_000_000
"""Of a dead letter, without its reason. SQS allows 1 MiB for both.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
"""
_IN_BUCKET = f"a dead letter has at most {MAX_MESSAGE_BYTES}, so the bucket of failed records keeps it."
_WHY_REPEATABLE = "a window is closed once, and its events have derived ids"


class RecordTooLargeError(ValueError):
    """An invalid record is too large for the dead-letter queue. Lambda bisects the batch, and the bucket keeps it."""


class WindowFailedError(RuntimeError):
    """The handler failed with a window. Lambda invokes it again, and the window is a dead letter at last."""


class StreamProcessor(Generic[P, R]):
    """A declared function. Called with a window it is the function itself; invoked by Lambda it is a Lambda handler."""

    def __init__(self, function: Callable[P, R], frame: Frame, parser: Parser | None, schema: Any = None) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        where = f"{function.__module__}.{function.__qualname__}"
        hints = hints_of(function, where)
        self._window, reading = _window_of(hints, where)
        self.frame = frame
        self.fold = Fold(reading, frame, parser, None if schema is None else Schemas(schema))
        self.declaration = _declaration(function, hints, where)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Handle the invocation if the arguments are the payload and context of Lambda, else call the function."""
        if args and isinstance(args[0], dict):
            return cast("R", self.invoked(args[0]))
        return self.function(*args, **kwargs)

    def invoked(self, payload: Payload) -> Any:
        """Handle a batch of Kinesis in a tumbling window, or a batch of Kafka."""
        return self._kinesis(payload) if "window" in payload else self._kafka(payload)

    def _kinesis(self, payload: Payload) -> Payload:
        """Fold a batch into the state that Lambda carries; merge it into the table when Lambda ends its window."""
        state = _State.read(payload.get("state") or {})
        table = window_table(self.frame.due)
        known = table.known if self.fold.reading.id_field else _nothing
        batch = self._folded(kinesis_records(payload), lambda slots: state.on_top_of(known(slots), slots))
        state.add(batch)
        if payload["isFinalInvokeForWindow"] or payload["isWindowTerminatedEarly"]:
            ended = payload["isFinalInvokeForWindow"]
            until = datetime.fromisoformat(payload["window"]["end"]).timestamp() if ended else state.arrived
            table.merge(state.all_parts(), payload["shardId"], self._refuse)
            ticks = StreamProducer(required(STREAM))
            try:
                waiting, failed = self._close(table, state.keys, until)
            except Exception:
                ticks.tick(state.keys)  # Lambda may discard this batch, and a silent key would stay open
                raise
            if waiting:
                ticks.tick(waiting)
            _raise_first(failed)
            return {"state": {}, "batchItemFailures": []}
        return {"state": state.json(), "batchItemFailures": []}

    def _kafka(self, payload: Payload) -> None:
        """Merge a batch into the table, because Lambda carries no state for Kafka."""
        table = window_table(self.frame.due)
        for records in kafka_records(payload):
            batch = self._folded(records, table.known)
            table.merge(batch.parts, records.partition, self._refuse)
            _, failed = self._close(table, {key for key, _ in batch.parts}, batch.arrived)
            _raise_first(failed)

    def _folded(self, records: Records, known: Any) -> Batch:
        """Fold records, and keep those that are refused in the dead-letter queue with the reason."""
        batch = self.fold.batch(records, known)
        for record, error in batch.refused:
            size = len(json.dumps(record))
            if size > MAX_MESSAGE_BYTES:
                raise RecordTooLargeError(f"{error} The record has {size} bytes: {_IN_BUCKET}") from error
            dead_letter(record, 1, error)
        return batch

    def _close(self, table: WindowTable, keys: Iterable[str], until: float) -> tuple[set[str], list[WindowFailedError]]:
        """Publish the events of the windows that are due, and close them.

        Returns the keys with open windows, and the errors of the handler. A window that fails stays open; every other
        one is closed all the same, because Lambda discards a batch after some retries.
        """
        due, waiting = self._due(table, keys, until)
        handled: list[tuple[Stored, list[Envelope]]] = []
        failed = []
        for stored in due:
            try:
                handled.append((stored, self._events(table, stored)))
            except WindowFailedError as error:
                failed.append(error)
                waiting.add(stored.slot[0])
        if envelopes := [envelope for _, found in handled for envelope in found]:
            publisher().publish(envelopes)
        for stored, found in handled:
            table.write(replace(stored, closed=True))
            observe.window_closed(stored.slot[0], stored.part.count, found)
        return waiting, failed

    def _due(self, table: WindowTable, keys: Iterable[str], until: float) -> tuple[list[Stored], set[str]]:
        """Return the open windows that are due, and the keys of the others."""
        opened = list(table.open(keys))
        due = [(key, number) for key, number in opened if self.frame.due(number) <= until]
        stored = table.known(due)
        waiting = {key for key, number in opened if self.frame.due(number) > until}
        return [stored[slot] for slot in due if slot in stored], waiting

    def _events(self, table: WindowTable, stored: Stored) -> list[Envelope]:
        """Return the events of a window; none if the handler has failed too often, and the window is a dead letter.

        Raises WindowFailedError.
        """
        try:
            return list(self._stamped(stored))
        except Exception as error:
            failed = replace(stored, failures=stored.failures + 1)
            if failed.failures < MAX_FAILURES:
                table.write(failed)
                raise WindowFailedError(f"{self._named(stored)} failed: {type(error).__name__}: {error}") from error
            self._refuse(stored, error, failed.failures)
            return []

    def _named(self, stored: Stored) -> str:
        key, number = stored.slot
        return f"{self.declaration.name} with the window of {key!r} from {self.frame.start(number).isoformat()}"

    def _refuse(self, stored: Stored, error: Exception, failures: int = 1) -> None:
        """Keep the aggregates of a window in the dead-letter queue with the reason."""
        dead_letter({"window": self._described(stored)}, failures, error)

    def _stamped(self, stored: Stored) -> Iterable[Envelope]:
        """Call the function, and return its events with ids that are derived from the window."""
        key, number = stored.slot
        end = self.frame.start(number + 1)
        window: Window[Any] = Window(key, self.frame.start(number), end, stored.part)
        tables = {name: open_table(name) for name in self.declaration.tables}
        given: Any = {self._window: window, **tables}
        returned = cast("Callable[..., Any]", self.function)(**given)
        for position, event in enumerate(_flat(returned)):
            self._check(event)
            event_id = effect_id(f"{scope()}{key}/{number}", end, self.declaration.name, position)
            metadata = Metadata.root(producer=self.declaration.name, version=event.contract.version)
            own = {"event_id": event_id, "correlation_id": event_id}
            yield claimed(encode(event.stamped(metadata.model_copy(update=own))))

    def _check(self, event: Event) -> None:
        if type(event) not in self.declaration.publishes:
            declared = ", ".join(known.__name__ for known in self.declaration.publishes) or "nothing"
            raise UndeclaredEventError(
                f"{self.declaration.name} returned {type(event).__name__}, but its signature declares {declared}."
            )

    def _described(self, stored: Stored) -> Payload:
        key, number = stored.slot
        start, end = (self.frame.start(each).isoformat() for each in (number, number + 1))
        return {"key": key, "start": start, "end": end, "count": stored.part.count, "fields": stored.part.fields}


@dataclass
class _State:
    """The state that Lambda carries from one batch to the next: the parts of windows, as JSON by `number|key`."""

    parts: dict[str, Any]
    ticked: set[str]
    arrived: float

    @classmethod
    def read(cls, state: Payload) -> "_State":
        return cls(state.get("parts", {}), set(state.get("ticked", ())), state.get("arrived", 0.0))

    def json(self) -> Payload:
        return {"parts": self.parts, "ticked": sorted(self.ticked), "arrived": self.arrived}

    @property
    def keys(self) -> set[str]:
        return {name.partition("|")[2] for name in self.parts} | self.ticked

    def add(self, batch: Batch) -> None:
        for (key, number), part in batch.parts.items():
            name = f"{number}|{key}"
            self.parts[name] = (Part.read(self.parts[name]) + part if name in self.parts else part).state()
        self.ticked |= batch.ticked
        self.arrived = batch.arrived or self.arrived

    def on_top_of(self, stored: dict[Slot, Stored], slots: Iterable[Slot]) -> dict[Slot, Stored]:
        """Return what is known of windows: what the table has, and what the state adds to it."""
        found = dict(stored)
        for key, number in slots:
            state = self.parts.get(f"{number}|{key}")
            if state and state["ids"]:
                before = found.get((key, number)) or Stored((key, number), Part(0, -1, {}))
                ids = Part.read(state).ids
                found[key, number] = replace(before, part=replace(before.part, ids=before.part.ids + ids))
        return found

    def all_parts(self) -> dict[Slot, Part]:
        named = {name: name.partition("|") for name in self.parts}
        return {(key, int(number)): Part.read(self.parts[name]) for name, (number, _, key) in named.items()}


def stream_processor(
    *, every: timedelta, lateness: timedelta = timedelta(), parser: Parser | None = None, schema: Any = None
) -> Callable[[Callable[P, R]], StreamProcessor[P, R]]:
    """Declare a handler of tumbling windows: `def handler(window: Window[AReading]) -> AnEvent | None`.

    A window takes the readings of one key whose time lies in it, `every` so long, and that arrive before its end plus
    `lateness`. Then the function is called once, and its events are published. Records are JSON, or raw lines that the
    `parser` reads, or Avro or Protobuf by a `schema`: a SchemaConfig of Powertools' Kafka consumer, or a dictionary of
    them by schema id. An invalid or late record is kept in the dead-letter queue with the reason.
    """
    if every <= timedelta() or lateness < timedelta():
        raise SignatureError(f"@stream_processor(every={every}, lateness={lateness}): set a width above 0.")
    return lambda function: StreamProcessor(function, Frame(every, lateness), parser, schema)


def _window_of(hints: dict[str, Any], where: str) -> tuple[str, Any]:
    windows = [(name, hint) for name, hint in hints.items() if get_origin(hint) is Window]
    if len(windows) != 1:
        raise SignatureError(f"{where} takes {len(windows)} windows: write one parameter, window: Window[AReading].")
    ((name, hint),) = windows
    return name, reading_type(hint, where)


def _declaration(function: Callable[..., Any], hints: dict[str, Any], where: str) -> Declaration:
    if "return" not in hints:
        raise SignatureError(f"{where} has no return annotation: write -> AnEvent | None, or -> None.")
    rest = {name: hint for name, hint in hints.items() if name != "return" and get_origin(hint) is not Window}
    for name, hint in rest.items():
        if hint is not Table:
            raise SignatureError(f"{where}: the parameter {name!r} is a {hint}: write one Window, and Tables.")
    return Declaration(
        name=name_of(function),
        module=function.__module__,
        attribute=function.__qualname__,
        inputs=(),
        publishes=published_events(hints["return"], where),
        tables=tuple(rest),
        repeatable=_WHY_REPEATABLE,
    )


def _raise_first(failed: list[WindowFailedError]) -> None:
    if failed:
        raise failed[0]


def _nothing(_slots: Iterable[Slot]) -> dict[Slot, Stored]:
    return {}


def _flat(returned: Any) -> list[Event]:
    if returned is None:
        return []
    return [returned] if isinstance(returned, Event) else list(returned)
