"""Commands of `millrace rebuild` to a projection: build the candidate table, compare it with the live one, swap them.

Each call does a part of the work and returns its progress. The ledger stores the progress, so an interrupted rebuild
continues.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Protocol

from millrace.runtime.declaration import Declaration
from millrace.runtime.dynamodb import in_batch, pages
from millrace.runtime.folding import CHUNK, FoldInput
from millrace.runtime.read_models import REVISION, WRITTEN, Color, Ledger, Pointer, State, Tables, View
from millrace.runtime.streams import Stored, Streams

Result = dict[str, Any]
_SECONDS = 15.0
"""Duration of a call. The function has a timeout of 30 seconds."""
_PROGRESS = "$rebuild"
_MOST_SHOWN = 20
_PAGE = 1000
_MOST_BYTES = 5_000_000
_BATCH = 100
"""Keys of one BatchGetItem."""


class RebuildError(RuntimeError):
    """The candidate table is not in the state that a command needs."""


class Rebuildable(Protocol):
    """The parts of a projection that a rebuild uses."""

    declaration: Declaration
    view: type[View]

    def tables(self) -> Tables:
        """Return the tables of the read model."""

    def stores(self) -> list[Streams]:
        """Return the event stores to read."""

    def input_of(self, store: Streams, stored: Stored) -> FoldInput:
        """Return an event of a store as an input of the fold."""

    def apply(self, tables: Tables, color: Color, inputs: list[FoldInput]) -> None:
        """Fold inputs into a table."""


def rebuild(projection: Rebuildable, request: Result) -> Result:
    """Run a command: `status`, `begin`, `clear`, `read`, `finish`, `compare`, `swap` or `drop`."""
    tables = projection.tables()
    commands: dict[str, Callable[[], Result]] = {
        "status": lambda: _status(tables.ledger.pointer()),
        "begin": lambda: _begin(tables.ledger),
        "clear": lambda: _clear(projection, tables),
        "read": lambda: _read(projection, tables),
        "finish": lambda: _change(tables.ledger, "building", "built"),
        "compare": lambda: _compare(projection, tables, request),
        "swap": lambda: _swap(tables.ledger),
        "drop": lambda: _status(tables.ledger.point(replace(tables.ledger.pointer(), state="empty"))),
    }
    return commands[request["do"]]()


def _begin(ledger: Ledger) -> Result:
    """Stop writes to the candidate table until it is empty."""
    ledger.table.delete_item(Key={"id": _PROGRESS})
    return _status(ledger.point(replace(ledger.pointer(), state="clearing")))


def _clear(projection: Rebuildable, tables: Tables) -> Result:
    """Delete the rows and marks of the candidate table. Once it is empty, the projection writes to it, too."""
    ends, candidate = time.monotonic() + _SECONDS, tables.ledger.pointer().candidate
    key, rows, marks = projection.view.key, tables.table(candidate), tables.ledger.table
    deleted = _delete(rows, key, ({key: item[key]} for item in pages(rows.scan)), ends)
    if time.monotonic() < ends:
        of_candidate = (item for item in pages(marks.scan) if item["id"].startswith(f"{candidate}/"))
        deleted += _delete(marks, "id", ({"id": item["id"]} for item in of_candidate), ends)
    if time.monotonic() >= ends:
        return {"cleared": deleted, "done": False}
    marks.put_item(
        Item={"id": _PROGRESS, "began": time.time_ns() // 1_000_000, "after": [0] * len(projection.stores())}
    )
    return {"cleared": deleted, "done": True, **_change(tables.ledger, "clearing", "building")}


def _delete(table: Any, key: str, keys: Iterator[dict[str, Any]], ends: float) -> int:
    count = 0
    with table.batch_writer(overwrite_by_pkeys=[key]) as batch:
        for each in keys:
            batch.delete_item(Key=each)
            count += 1
            if time.monotonic() >= ends:
                break
    return count


def _read(projection: Rebuildable, tables: Tables) -> Result:
    """Fold the events of the event stores into the candidate table, in the order of their positions."""
    progress = tables.ledger.table.get_item(Key={"id": _PROGRESS}, ConsistentRead=True).get("Item")
    if not progress or tables.ledger.pointer().state not in WRITTEN:
        raise RebuildError("No rebuild is in progress: start one with millrace rebuild.")
    after, ends, folded = [int(position) for position in progress["after"]], time.monotonic() + _SECONDS, 0
    stores = projection.stores()
    for number, store in enumerate(stores):
        events = store.read_all(after[number])
        while time.monotonic() < ends and (chunk := list(islice(events, CHUNK))):
            for some in _batches(chunk):
                inputs = [projection.input_of(store, stored) for stored in some]
                projection.apply(tables, tables.ledger.pointer().candidate, inputs)
            after[number] = chunk[-1].position or after[number]
            folded += len(chunk)
    tables.ledger.table.put_item(Item={**progress, "after": after})
    head = sum(store.head() for store in stores)
    late = any(store.pending_since(int(progress["began"])) for store in stores)
    return {"folded": folded, "at": sum(after), "of": head, "done": sum(after) >= head and not late}


def _batches(chunk: list[Stored]) -> Iterator[list[Stored]]:
    """Split a chunk into batches whose data fits into memory."""
    some: list[Stored] = []
    for stored in chunk:
        some.append(stored)
        if sum(each.bytes for each in some) > _MOST_BYTES:
            yield some
            some = []
    if some:
        yield some


def _compare(projection: Rebuildable, tables: Tables, request: Result) -> Result:
    """Compare a page of rows of one table with the other table. Returns the rows and fields that differ."""
    pointer = tables.ledger.pointer()
    if pointer.state == "empty":
        raise RebuildError(f"{projection.declaration.name} has no candidate table: build one first.")
    live, candidate = tables.table(pointer.live), tables.table(pointer.candidate)
    left, right = (candidate, live) if request.get("reverse") else (live, candidate)
    start = {"ExclusiveStartKey": request["start"]} if request.get("start") else {}
    page = left.scan(Limit=_PAGE, **start)
    found = list(_differences(projection.view.key, page["Items"], right, missing_only=bool(request.get("reverse"))))
    result = {"rows": len(page["Items"]), "different": len(found), "next": page.get("LastEvaluatedKey")}
    return {**result, "shown": found[:_MOST_SHOWN]}


def _differences(key: str, items: list[Any], right: Any, *, missing_only: bool) -> Iterator[Result]:
    keys = [{key: item[key]} for item in items]
    batches = (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))
    others = {item[key]: item for batch in batches for item in in_batch(right, batch)}
    for item in items:
        other = others.get(item[key], {})
        names = sorted((item.keys() | other.keys()) - {REVISION})
        pair = (other, item) if missing_only else (item, other)
        fields = {name: _values(pair, name) for name in names if item.get(name) != other.get(name)}
        if fields and (not missing_only or not other):
            yield {"key": item[key], "fields": fields}


def _values(pair: tuple[Any, Any], name: str) -> list[str | None]:
    """Return the value of a field in the live and in the candidate table."""
    return [None if name not in item else str(item[name]) for item in pair]


def _swap(ledger: Ledger) -> Result:
    """Make the candidate table the live one. The projection continues to write to both."""
    pointer = ledger.pointer()
    if pointer.state != "built":
        raise RebuildError(f"The candidate table is {pointer.state}: build it first, with millrace rebuild.")
    return _status(ledger.point(Pointer(live=pointer.candidate, state="built")))


def _change(ledger: Ledger, before: str, after: State) -> Result:
    pointer = ledger.pointer()
    if pointer.state != before:
        raise RebuildError(f"The candidate table is {pointer.state}, not {before}: start with millrace rebuild.")
    return _status(ledger.point(replace(pointer, state=after)))


def _status(pointer: Pointer) -> Result:
    return {"live": pointer.live, "candidate": pointer.state}
