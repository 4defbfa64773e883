"""Events folded into the rows of one side, each once, those of a stream in its order.

Rows and marks of a chunk of events are written in one transaction, on the condition that they are what was read: who
comes in between makes it fail, and it is folded anew.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from millrace.events import Event
from millrace.events.ids import new_event_id
from millrace.runtime.dynamodb import check_size
from millrace.runtime.read_models import REVISION, Side, Tables, View, mark_of_event, mark_of_stream
from millrace.runtime.streams import ConcurrencyError, transact

CHUNK = 49
"""Events of one transaction: each has one row and one mark at most, of the 100 items that it takes."""
_MOST_CHARACTERS = 1_000_000
"""Of one transaction, which may have 4 MB: no character has more than four bytes."""
_ATTEMPTS = 20
Fold = Callable[[Event, View | None], View | None]


@dataclass(frozen=True)
class Told:
    """An event that is to be folded, or a place in a stream that holds nothing for this read model."""

    event: Event | None
    stream: str | None = None
    version: int = 0

    @classmethod
    def of(cls, event: Event) -> "Told":
        """An event with its place in its stream, where it is of one."""
        return cls(event, event.metadata.stream, event.metadata.stream_version or 0)


class StreamGapError(LookupError):
    """Events of a stream are missing between what a side has read and what it is told."""

    def __init__(self, stream: str, after: int, until: int) -> None:
        self.stream, self.after, self.until = stream, after, until
        super().__init__(f"{stream} has been read up to version {after}, and version {until + 1} came.")


class Folding:
    """One side of a read model, as its projection writes it."""

    def __init__(self, side: Side, tables: Tables, view: type[View], fold: Fold) -> None:
        self._side = side
        self._rows = tables.side(side)
        self._ledger = tables.ledger.table
        self._view = view
        self._fold = fold

    def take(self, told: Sequence[Told]) -> None:
        """Fold events that are not in the rows yet. Raises StreamGapError, and ConcurrencyError after twenty tries."""
        for start in range(0, len(told), CHUNK):
            self._take(told[start : start + CHUNK])

    def _take(self, told: Sequence[Told]) -> None:
        for attempt in range(_ATTEMPTS):
            if self._written(told):
                return
            time.sleep(0.01 * 2 ** min(attempt, 6) * random.random())  # noqa: S311 - jitter is no secret
        raise ConcurrencyError(
            f"{len(told)} events could not be folded into {self._view.__name__}: others write its rows."
        )

    def _written(self, told: Sequence[Told]) -> bool:
        marks = self._read(self._ledger, "id", {self._mark(each) for each in told})
        keys = {self._key(each.event) for each in told if each.event}
        items = self._read(self._rows, self._view.key, keys)
        had = {key: self._view.of(item) for key, item in items.items()}
        rows: dict[str, View | None] = dict(had)
        new: dict[str, int] = {}
        for each in told:
            if self._is_new(each, marks, new) and each.event:
                key = self._key(each.event)
                rows[key] = self._fold(each.event, rows.get(key))
        writes = [
            *(self._row(key, row, items.get(key)) for key, row in rows.items() if row != had.get(key)),
            *(self._marked(mark, version, marks.get(mark)) for mark, version in new.items()),
        ]
        if len(told) > 1 and len(repr(writes)) > _MOST_CHARACTERS:
            half = len(told) // 2
            return self._written(told[:half]) and self._written(told[half:])
        return not writes or not transact(self._rows.meta.client, writes)

    def _is_new(self, told: Told, marks: Mapping[str, Any], new: dict[str, int]) -> bool:
        """Whether an event is not in the rows yet; then it is marked. Raises StreamGapError."""
        mark = self._mark(told)
        known = new.get(mark, int(marks[mark]["version"]) if mark in marks else 0)
        version = told.version if told.stream else 1
        if version <= known:
            return False
        if told.stream and version > known + 1:
            raise StreamGapError(told.stream, known, version - 1)
        new[mark] = version
        return True

    def _mark(self, told: Told) -> str:
        if told.stream:
            return mark_of_stream(self._side, told.stream)
        if told.event is None:
            raise ValueError("What is told has neither an event nor a stream.")
        return mark_of_event(self._side, told.event.metadata.event_id)

    def _key(self, event: Event) -> str:
        return str(getattr(event, self._view.key))

    def _row(self, key: str, row: View | None, before: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        if row is not None and getattr(row, self._view.key) != key:
            raise ValueError(
                f"The row of {self._view.key} {key!r} became one of {getattr(row, self._view.key)!r}: a projection "
                f"changes the row of its event, and no other."
            )
        condition = _unchanged(self._view.key, REVISION, before)
        if row is None:
            return self._rows.name, {"Delete": {"Key": {self._view.key: key}, **condition}}
        item = {**row.item(), REVISION: new_event_id()}
        check_size(item, f"The row {key!r} of {self._view.__name__}", item, "keep less in it, or in several rows.")
        return self._rows.name, {"Put": {"Item": item, **condition}}

    def _marked(self, mark: str, version: int, before: Mapping[str, Any] | None) -> tuple[str, dict[str, Any]]:
        item = {"id": mark, "version": version}
        return self._ledger.name, {"Put": {"Item": item, **_unchanged("id", "version", before)}}

    def _read(self, table: Any, key: str, wanted: set[str]) -> dict[str, dict[str, Any]]:
        return {item[key]: item for item in in_batch(table, [{key: value} for value in sorted(wanted)])}


def in_batch(table: Any, keys: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The items of at most 100 keys, as they are now.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
    """
    asked = {table.name: {"Keys": keys, "ConsistentRead": True}} if keys else {}
    while asked:
        answer = table.meta.client.batch_get_item(RequestItems=asked)
        yield from answer["Responses"].get(table.name, ())
        asked = answer["UnprocessedKeys"]


def _unchanged(key: str, written: str, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """The condition that an item is what was read."""
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(#key)", "ExpressionAttributeNames": {"#key": key}}
    return {
        "ConditionExpression": "#written = :written",
        "ExpressionAttributeNames": {"#written": written},
        "ExpressionAttributeValues": {":written": before[written]},
    }
