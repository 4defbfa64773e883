"""Fold events into the rows of one table: each event once, the events of a stream in order.

The rows and marks of a chunk of events are written in one transaction, with the condition that they have not changed
since they were read. A concurrent write cancels the transaction, and the chunk is folded again.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.events import Event
from millrace.events.ids import new_event_id
from millrace.runtime.dynamodb import check_size, in_batch, transact
from millrace.runtime.read_models import REVISION, Color, Tables, View, mark_of_event, mark_of_stream
from millrace.runtime.streams import ConcurrencyError

CHUNK = 49
"""Events of one transaction. Each event writes at most one row and one mark, and a transaction has 100 items."""
_MOST_CHARACTERS = 1_000_000
"""Characters of one transaction of at most 4 MB. A character has at most four bytes."""
_ATTEMPTS = 20
Fold = Callable[[Event, View | None], View | None]


@dataclass(frozen=True)
class FoldInput:
    """An event to fold, or a position in a stream without an event for this read model."""

    event: Event | None
    stream: str | None = None
    version: int = 0

    @classmethod
    def of(cls, event: Event) -> "FoldInput":
        """Return an event with its stream and version, if it has them."""
        return cls(event, event.metadata.stream, event.metadata.stream_version or 0)


class StreamGapError(LookupError):
    """Events of a stream are missing between the version that a table has read and the received event."""

    def __init__(self, stream: str, after: int, until: int) -> None:
        self.stream, self.after, self.until = stream, after, until
        super().__init__(f"{stream} is read up to version {after}, but version {until + 1} was received.")


class Folding:
    """Folds events into one table of a read model."""

    def __init__(self, color: Color, tables: Tables, view: type[View], fold: Fold) -> None:
        self._color = color
        self._rows = tables.table(color)
        self._ledger = tables.ledger.table
        self._view = view
        self._fold = fold

    def apply(self, inputs: Sequence[FoldInput]) -> None:
        """Fold events that are not in the rows yet. Raises StreamGapError, and ConcurrencyError after 20 attempts."""
        for start in range(0, len(inputs), CHUNK):
            self._apply(inputs[start : start + CHUNK])

    def _apply(self, inputs: Sequence[FoldInput]) -> None:
        for attempt in range(_ATTEMPTS):
            if self._written(inputs):
                return
            time.sleep(0.01 * 2 ** min(attempt, 6) * random.random())  # noqa: S311 - jitter is no secret
        raise ConcurrencyError(
            f"{len(inputs)} events could not be folded into {self._view.__name__}: concurrent writes changed its rows."
        )

    def _written(self, inputs: Sequence[FoldInput]) -> bool:
        marks = self._read(self._ledger, "id", {self._mark(each) for each in inputs})
        keys = {self._key(each.event) for each in inputs if each.event}
        items = self._read(self._rows, self._view.key, keys)
        had = {key: self._view.of(item) for key, item in items.items()}
        rows: dict[str, View | None] = dict(had)
        new: dict[str, int] = {}
        for each in inputs:
            if self._is_new(each, marks, new) and each.event:
                key = self._key(each.event)
                rows[key] = self._fold(each.event, rows.get(key))
        writes = [
            *(self._row(key, row, items.get(key)) for key, row in rows.items() if row != had.get(key)),
            *(self._marked(mark, version, marks.get(mark)) for mark, version in new.items()),
        ]
        if len(inputs) > 1 and len(repr(writes)) > _MOST_CHARACTERS:
            half = len(inputs) // 2
            return self._written(inputs[:half]) and self._written(inputs[half:])
        return not writes or not transact(self._rows.meta.client, writes)

    def _is_new(self, each: FoldInput, marks: Mapping[str, Any], new: dict[str, int]) -> bool:
        """Whether an event is not in the rows yet; then its mark is added to `new`. Raises StreamGapError."""
        mark = self._mark(each)
        known = new.get(mark, int(marks[mark]["version"]) if mark in marks else 0)
        version = each.version if each.stream else 1
        if version <= known:
            return False
        if each.stream and version > known + 1:
            raise StreamGapError(each.stream, known, version - 1)
        new[mark] = version
        return True

    def _mark(self, each: FoldInput) -> str:
        if each.stream:
            return mark_of_stream(self._color, each.stream)
        if each.event is None:
            raise ValueError("An input has neither an event nor a stream.")
        return mark_of_event(self._color, each.event.metadata.event_id)

    def _key(self, event: Event) -> str:
        return str(getattr(event, self._view.key))

    def _row(self, key: str, row: View | None, before: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        if row is not None and getattr(row, self._view.key) != key:
            raise ValueError(
                f"The projection returned the row of {self._view.key} {getattr(row, self._view.key)!r} for an event of "
                f"{key!r}: return the row of the event."
            )
        condition = _unchanged(self._view.key, REVISION, before)
        if row is None:
            return self._rows.name, {"Delete": {"Key": {self._view.key: key}, **condition}}
        item = {**row.item(), REVISION: new_event_id()}
        check_size(item, f"The row {key!r} of {self._view.__name__}", item, "store less in it, or use several rows.")
        return self._rows.name, {"Put": {"Item": item, **condition}}

    def _marked(self, mark: str, version: int, before: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        item = {"id": mark, "version": version}
        return self._ledger.name, {"Put": {"Item": item, **_unchanged("id", "version", before)}}

    def _read(self, table: Any, key: str, wanted: set[str]) -> dict[str, dict[str, Any]]:
        return {item[key]: item for item in in_batch(table, [{key: value} for value in sorted(wanted)])}


def _unchanged(key: str, written: str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the condition that an item has not changed since it was read."""
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(#key)", "ExpressionAttributeNames": {"#key": key}}
    return {
        "ConditionExpression": "#written = :written",
        "ExpressionAttributeNames": {"#written": written},
        "ExpressionAttributeValues": {":written": before[written]},
    }
