"""The table of the windows of a stream processor, in which the parts of each window are merged.

The state that Lambda carries ends with Lambda's own window, which counts the arrival of records. A window of event time
can outlast it, and survives a shard that is split. An item records the last position that it contains of each shard or
partition, so a part that comes again is not added again.
https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html

An open window has the attribute `open`, by which the index of open windows finds it. A closed window has none, so it
costs no query anything. A local index has consistent reads, which a global one has not.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-indexes-general-sparse-indexes.html
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from millrace.runtime.dynamodb import ItemTooLargeError, check_size, in_batch, pages
from millrace.runtime.environment import required, table_called
from millrace.runtime.stores import write_if
from millrace.runtime.stream.windows import Part, Slot

WINDOWS = "MILLRACE_WINDOWS"
"""The environment variable with the name of the table."""
OPEN_WINDOWS = "open-windows"
"""The local index of the keys of open windows, by `open`, the number of the window."""
KEPT_SECONDS = 7 * 86_400
"""How long a window is kept after it is due and after its last change. Lambda retries a record for 7 days at most."""
_KEYS_OF_A_BATCH = 100
_FIX = "use shorter windows, fewer percentiles, or readings without id."


class WindowChangedError(RuntimeError):
    """Another invocation has changed a window at the same time; Lambda invokes the function again."""


class WindowClosedError(RuntimeError):
    """Readings reach a window that is closed, because an earlier part of it was too large."""


@dataclass(frozen=True)
class Stored:
    """A window in the table: its readings so far, the last position of each partition, and whether it is closed."""

    slot: Slot
    part: Part
    marks: dict[str, int] = field(default_factory=dict)
    closed: bool = False
    failures: int = 0
    version: int = 0

    def add(self, partition: str, part: Part) -> "Stored":
        """Return the window with a part."""
        return replace(self, part=self.part + part, marks={**self.marks, partition: part.position})

    def contains(self, partition: str, part: Part) -> bool:
        """Whether the window contains a part already."""
        return self.marks.get(partition, -1) >= part.position


Refuse = Callable[[Stored, Exception], None]
"""Keep a window that is refused, with the reason."""


class WindowTable:
    """Windows by key and number. One invocation at a time handles a key, because its shard keeps its order.

    `due` returns from when a window, by its number, accepts no further readings, in seconds since 1970.
    """

    def __init__(self, table: Any, due: Callable[[int], float]) -> None:
        self._table = table
        self._due = due

    def known(self, slots: Iterable[Slot]) -> dict[Slot, Stored]:
        """Return the windows that exist."""
        keys = [{"key": key, "window": number} for key, number in slots]
        batches = [keys[at : at + _KEYS_OF_A_BATCH] for at in range(0, len(keys), _KEYS_OF_A_BATCH)]
        found = [_stored(item) for batch in batches for item in in_batch(self._table, batch)]
        return {stored.slot: stored for stored in found}

    def open(self, keys: Iterable[str]) -> Iterator[Slot]:
        """Yield the slots of the open windows of keys, by key, oldest first."""
        for key in sorted(keys):
            query = {
                "IndexName": OPEN_WINDOWS,
                "KeyConditionExpression": "#key = :key",
                "ExpressionAttributeNames": {"#key": "key"},
                "ExpressionAttributeValues": {":key": key},
                "ConsistentRead": True,
            }
            for item in pages(self._table.query, **query):
                yield item["key"], int(item["window"])

    def merge(self, parts: dict[Slot, Part], partition: str, refuse: Refuse) -> None:
        """Add parts of a shard or partition to their windows, unless they contain them already.

        A window that becomes too large for an item is refused and closed; the other windows go on.
        """
        known = self.known(parts)
        for slot, part in parts.items():
            stored = known.get(slot) or Stored(slot, Part(0, -1, {}))
            if not stored.contains(partition, part):
                self._add(stored, partition, part, refuse)

    def _add(self, stored: Stored, partition: str, part: Part, refuse: Refuse) -> None:
        added = stored.add(partition, part)
        error: Exception = WindowClosedError(f"The window {stored.slot[1]} of {stored.slot[0]!r} is closed.")
        if not stored.closed:
            try:
                return self.write(added)
            except ItemTooLargeError as too_large:
                error = too_large
        refuse(added, error)
        return self.write(replace(stored, marks=added.marks, closed=True))

    def write(self, stored: Stored) -> None:
        """Write a window that was read before. Raises WindowChangedError if it has changed since."""
        key, number = stored.slot
        item = {
            "key": key,
            "window": number,
            "readings": json.dumps({"n": stored.part.count, "f": stored.part.fields}),
            "ids": stored.part.ids,
            "marks": {partition: str(position) for partition, position in stored.marks.items()},
            **({} if stored.closed else {"open": number}),
            "failures": stored.failures,
            "version": stored.version + 1,
            "expiration": int(max(time.time(), self._due(number))) + KEPT_SECONDS,
        }
        sized = {name: item[name] for name in ("readings", "marks")} | {"ids": "." * len(stored.part.ids)}
        check_size({**item, **sized}, f"The window {number} of {key!r}", sized, _FIX)
        condition = "version = :version" if stored.version else "attribute_not_exists(version)"
        values = {"ExpressionAttributeValues": {":version": stored.version}} if stored.version else {}
        if write_if(self._table.put_item, Item=item, ConditionExpression=condition, **values) is None:
            raise WindowChangedError(f"The window {number} of {key!r} was changed by another invocation.")


def window_table(due: Callable[[int], float]) -> WindowTable:
    """Return the table that the construct names."""
    return WindowTable(table_called(required(WINDOWS)), due)


def _stored(item: dict[str, Any]) -> Stored:
    readings = json.loads(item["readings"])
    ids = bytes(item["ids"])
    return Stored(
        slot=(item["key"], int(item["window"])),
        part=Part(readings["n"], -1, readings["f"], ids),
        marks={partition: int(position) for partition, position in item["marks"].items()},
        closed="open" not in item,
        failures=int(item["failures"]),
        version=int(item["version"]),
    )
