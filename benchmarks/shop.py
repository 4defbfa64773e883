"""A backlog of 20,000 events from four clients in the shop: losses, time, memory and processor time per event."""

import json
import time
import uuid
from dataclasses import asdict, dataclass
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.measures import CLIENTS, entry, put_from_four
from benchmarks.processes import MIB, cpu
from benchmarks.subjects import Cloud, Floor, Millrace
from benchmarks.subjects.millrace import ROOT
from benchmarks.subjects.subject import Site

EVENTS = 20_000
FEW, BURSTS = 200, 5
GROWTH = 1.2
"""The maximum ratio of processor time per event with all events queued to FEW queued."""

_SECONDS = 3_600
_LIMIT = 8 << 30


@dataclass(frozen=True)
class Backlog:
    """Results: seconds, milliseconds of processor time per event, peak MiB, and KiB per event."""

    events: int
    lost: int
    seconds: float
    to_floor: float
    cost: float
    growth: float
    memory: float
    memory_each: float

    @property
    def holds(self) -> bool:
        """Whether no event was lost and the processor time per event stays the same in a backlog."""
        return not self.lost and self.growth <= GROWTH


class Shop(Millrace):
    """Millrace with the example app."""

    name = "shop"

    def prepare(self, site: Site) -> None:
        """Synthesise the app."""
        from millrace.local.cloudformation.synthesis import synthesise  # noqa: PLC0415 - imports CDK

        synthesise(ROOT, site.folder / "cdk.out")


def backlog(events: int = EVENTS) -> Backlog:
    """Put the events into a new shop, and the same number into the floor."""
    with Cloud(Shop(), limit=_LIMIT) as cloud:
        cloud.make_ready()
        _settled(cloud, FEW)
        few = sum(_settled(cloud, FEW)[1] for _ in range(BURSTS)) / BURSTS
        cloud.watch.peak, before = 0, cloud.watch.now()
        seconds, cost = _settled(cloud, events)
        lost = (BURSTS + 1) * FEW + events - _stock(cloud)
        memory, each = cloud.watch.peak / MIB, (cloud.watch.peak - before) / 1024 / events
    return Backlog(events, lost, seconds, seconds / _floor(events), cost, cost / few, memory, each)


def as_json(found: Backlog) -> dict[str, Any]:
    """Return all results."""
    return {**asdict(found), "holds": found.holds}


def as_text(found: Backlog) -> str:
    """Return the figures and the result."""
    return "\n".join(
        [
            f"{found.events:,} deliveries from {CLIENTS} clients, settled in {found.seconds:.0f} s",
            f"to the bare floor: {found.to_floor:.1f} times",
            f"processor for each: {found.cost:.2f} ms",
            f"growth from {FEW} queued: {found.growth:.2f} times (at most {GROWTH:g})",
            f"peak memory: {found.memory:,.0f} MiB, {found.memory_each:.1f} KiB for each event",
            f"lost: {found.lost}",
            "holds" if found.holds else "MISSED",
        ]
    )


def _settled(cloud: Cloud, count: int) -> tuple[float, float]:
    """Return the seconds until events have settled, and the milliseconds of processor time per event."""
    before, began = cpu(cloud.pid), time.monotonic()
    put_from_four(cloud, [_delivery() for _ in range(count)])
    settle = Request(f"{cloud.site.endpoint}/_millrace/settle/{_SECONDS}", method="POST", headers={"x-millrace": "yes"})
    with urlopen(settle, timeout=_SECONDS) as answer:
        if unsettled := json.load(answer):
            raise RuntimeError(unsettled)
    return time.monotonic() - began, ((cpu(cloud.pid) or 0) - (before or 0)) * 1000 / count


def _delivery() -> dict[str, Any]:
    event_id = str(uuid.uuid4())
    metadata = {"event_id": event_id, "correlation_id": event_id, "occurred_at": "2026-01-15T08:30:00.000Z"}
    metadata |= {"producer": "bench", "version": 1, "hops": 0}
    detail = json.dumps({"metadata": metadata, "data": {"sku": "cup", "quantity": 1}})
    return {"Source": "shop.warehouse", "DetailType": "StockDelivered", "EventBusName": "shop", "Detail": detail}


def _stock(cloud: Cloud) -> int:
    tables = cloud.client("dynamodb")
    name = next(each for each in tables.list_tables()["TableNames"] if "WarehouseStock" in each)
    item = tables.get_item(TableName=name, Key={"sku": {"S": "cup"}}, ConsistentRead=True)["Item"]
    return int(item["quantity"]["N"])


def _floor(events: int) -> float:
    """Return the seconds of the floor for the same number."""
    with Cloud(Floor(), limit=_LIMIT) as cloud:
        cloud.make_ready()
        ids, began = [f"floor-{number}" for number in range(events)], time.monotonic()
        put_from_four(cloud, [entry("Sink", number) for number in ids])
        return max(cloud.records.wait("sink", ids, _SECONDS)) - began
