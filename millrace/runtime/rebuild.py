"""What a projection does when `millrace rebuild` calls it: build the side that is not live, compare, swap.

Each call does a part of it and says where it is; its place is kept in the ledger, so that who is interrupted goes on.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from millrace.runtime.folding import CHUNK, in_batch
from millrace.runtime.read_models import KEPT, REVISION, Ledger, Pointer, Tables, scanned
from millrace.runtime.streams import Stored

if TYPE_CHECKING:
    from millrace.runtime.projection import Projection

Answer = dict[str, Any]
_SECONDS = 15.0
"""How long a call goes on; a function has thirty seconds."""
_PLACE = "$rebuild"
_MOST_SHOWN = 20
_PAGE = 1000
_MOST_BYTES = 5_000_000
_BATCH = 100
"""Keys of one BatchGetItem."""


class RebuildError(RuntimeError):
    """There is no second side to compare with, or to swap."""


def rebuild(projection: "Projection[..., Any]", asked: Answer) -> Answer:
    """Do what is asked for: `status`, `begin`, `clear`, `read`, `finish`, `compare`, `swap` or `drop`."""
    tables = projection.tables()
    steps: dict[str, Callable[[], Answer]] = {
        "status": lambda: _told(tables.ledger.pointer()),
        "begin": lambda: _begin(tables.ledger),
        "clear": lambda: _clear(projection, tables),
        "read": lambda: _read(projection, tables),
        "finish": lambda: _become(tables.ledger, "building", "built"),
        "compare": lambda: _compare(projection, tables, asked),
        "swap": lambda: _swap(tables.ledger),
        "drop": lambda: _told(tables.ledger.point(replace(tables.ledger.pointer(), other="empty"))),
    }
    return steps[asked["do"]]()


def _begin(ledger: Ledger) -> Answer:
    """From now on the other side is not written to until it is empty."""
    ledger.table.delete_item(Key={"id": _PLACE})
    return _told(ledger.point(replace(ledger.pointer(), other="clearing")))


def _clear(projection: "Projection[..., Any]", tables: Tables) -> Answer:
    """Empty the other side, rows and marks; when that is done it is being built, and written to as the live one is."""
    ends, beside = time.monotonic() + _SECONDS, tables.ledger.pointer().beside
    key, rows, marks = projection.view.key, tables.side(beside), tables.ledger.table
    gone = _delete(rows, key, ({key: item[key]} for item in scanned(rows)), ends)
    if time.monotonic() < ends:
        ours = (item for item in scanned(marks) if item["id"].startswith(f"{beside}/"))
        gone += _delete(marks, "id", ({"id": item["id"]} for item in ours), ends)
    if time.monotonic() >= ends:
        return {"cleared": gone, "done": False}
    marks.put_item(Item={"id": _PLACE, "began": time.time_ns() // 1_000_000, "after": [0] * len(projection.stores())})
    return {"cleared": gone, "done": True, **_become(tables.ledger, "clearing", "building")}


def _delete(table: Any, key: str, keys: Iterator[dict[str, Any]], ends: float) -> int:
    count = 0
    with table.batch_writer(overwrite_by_pkeys=[key]) as batch:
        for each in keys:
            batch.delete_item(Key=each)
            count += 1
            if time.monotonic() >= ends:
                break
    return count


def _read(projection: "Projection[..., Any]", tables: Tables) -> Answer:
    """Fold what the event stores have, in the order of positions, into the other side."""
    place = tables.ledger.table.get_item(Key={"id": _PLACE}, ConsistentRead=True).get("Item")
    if not place or tables.ledger.pointer().other not in KEPT:
        raise RebuildError("Nothing is being built: begin with millrace rebuild.")
    after, ends, folded = [int(position) for position in place["after"]], time.monotonic() + _SECONDS, 0
    stores = projection.stores()
    for number, store in enumerate(stores):
        events = store.read_all(after[number])
        while time.monotonic() < ends and (chunk := list(islice(events, CHUNK))):
            for some in _bearable(chunk):
                told = [projection.told(store, stored) for stored in some]
                projection.take(tables, tables.ledger.pointer().beside, told)
            after[number] = chunk[-1].position or after[number]
            folded += len(chunk)
    tables.ledger.table.put_item(Item={**place, "after": after})
    head = sum(store.head() for store in stores)
    late = any(store.pending_since(int(place["began"])) for store in stores)
    return {"folded": folded, "at": sum(after), "of": head, "done": sum(after) >= head and not late}


def _bearable(chunk: list[Stored]) -> Iterator[list[Stored]]:
    """The events of a chunk, as many at a time as may be in memory with all of their data."""
    some: list[Stored] = []
    for stored in chunk:
        some.append(stored)
        if sum(each.bytes for each in some) > _MOST_BYTES:
            yield some
            some = []
    if some:
        yield some


def _compare(projection: "Projection[..., Any]", tables: Tables, asked: Answer) -> Answer:
    """Hold a page of rows of one side against those of the other: those that differ, and in which fields."""
    pointer = tables.ledger.pointer()
    if pointer.other == "empty":
        raise RebuildError(f"{projection.declaration.name} has one side, the live one: build another first.")
    live, beside = tables.side(pointer.live), tables.side(pointer.beside)
    here, there = (beside, live) if asked.get("reverse") else (live, beside)
    start = {"ExclusiveStartKey": asked["start"]} if asked.get("start") else {}
    page = here.scan(Limit=_PAGE, **start)
    found = list(_differences(projection.view.key, page["Items"], there, missing_only=bool(asked.get("reverse"))))
    answer = {"rows": len(page["Items"]), "different": len(found), "next": page.get("LastEvaluatedKey")}
    return {**answer, "shown": found[:_MOST_SHOWN]}


def _differences(key: str, items: list[Any], there: Any, *, missing_only: bool) -> Iterator[Answer]:
    keys = [{key: item[key]} for item in items]
    batches = (keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH))
    others = {item[key]: item for batch in batches for item in in_batch(there, batch)}
    for item in items:
        other = others.get(item[key], {})
        names = sorted((item.keys() | other.keys()) - {REVISION})
        fields = {name: _pair(item, other, name, missing_only) for name in names if item.get(name) != other.get(name)}
        if fields and (not missing_only or not other):
            yield {"key": item[key], "fields": fields}


def _pair(item: Any, other: Any, name: str, reverse: bool) -> list[str | None]:  # noqa: FBT001 - of one caller
    """What the live side has, and what the other one has."""
    texts = [None if name not in side else str(side[name]) for side in (item, other)]
    return texts[::-1] if reverse else texts


def _swap(ledger: Ledger) -> Answer:
    """Let the other side be the live one; this one is kept beside it, and kept up to date."""
    pointer = ledger.pointer()
    if pointer.other != "built":
        raise RebuildError(f"The side beside the live one is {pointer.other}: build it first, with millrace rebuild.")
    return _told(ledger.point(Pointer(live=pointer.beside, other="built")))


def _become(ledger: Ledger, was: str, becomes: Any) -> Answer:
    pointer = ledger.pointer()
    if pointer.other != was:
        raise RebuildError(f"The side beside the live one is {pointer.other}, not {was}: begin with millrace rebuild.")
    return _told(ledger.point(replace(pointer, other=becomes)))


def _told(pointer: Pointer) -> Answer:
    return {"live": pointer.live, "other": pointer.other}
