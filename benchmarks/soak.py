"""Put 10,000 events on a bus with 50 rules: each must run once, and memory must stay flat."""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks import stack
from benchmarks.measures import BATCH, entry, put
from benchmarks.processes import MIB
from benchmarks.subjects import Cloud, Millrace
from benchmarks.subjects.deployment import sink_target

EVENTS = 10_000
RULES = 50
FLAT = 1.10
"""The maximum growth of memory over the second half."""

_BUS = "soak"
_TIMEOUT = 300.0
_QUIET = 1.0


@dataclass(frozen=True)
class Soaked:
    """Results. `memory` is in MiB, for each tenth of the events."""

    events: int
    rules: int
    lost: int
    more_than_once: int
    seconds: float
    memory: tuple[float, ...]

    @property
    def growth(self) -> float:
        """Growth of memory over the second half."""
        half = len(self.memory) // 2
        return statistics.mean(self.memory[-2:]) / statistics.mean(self.memory[half : half + 2])

    @property
    def holds(self) -> bool:
        """Whether every event ran once and memory stays flat."""
        return not self.lost and not self.more_than_once and self.growth <= FLAT


def soak(events: int = EVENTS) -> Soaked:
    """Put events into a new local cloud and read its handlers' records."""
    with Cloud(Millrace(), limit=8 << 30) as cloud:
        cloud.make_ready()
        _make_rules(cloud)
        began, memory, ids = time.monotonic(), [], [f"soak-{number}" for number in range(events)]
        for tenth in _tenths(ids):
            _put(cloud, tenth)
            last = cloud.records.wait("sink", tenth, _TIMEOUT)
            memory.append(cloud.watch.now() / MIB)
        time.sleep(_QUIET)  # for what would come a second time
        times = [len(cloud.records.of("sink").get(number, ())) for number in ids]
    return Soaked(events, RULES, times.count(0), sum(n > 1 for n in times), max(last) - began, tuple(memory))


def as_json(soaked: Soaked) -> dict[str, Any]:
    """Return all results."""
    return {**asdict(soaked), "growth": soaked.growth, "holds": soaked.holds}


def as_text(soaked: Soaked) -> str:
    """Return the figures and the result."""
    return "\n".join(
        [
            f"{soaked.events:,} events in batches of {BATCH}, {soaked.rules} rules",
            f"in {soaked.seconds:.1f} s: {soaked.events / soaked.seconds:,.0f} events/s",
            f"lost {soaked.lost}, handled more than once {soaked.more_than_once}",
            f"memory after each tenth (MiB): {', '.join(f'{figure:.0f}' for figure in soaked.memory)}",
            f"growth over the second half: {soaked.growth:.3f} times (at most {FLAT:g})",
            "holds" if soaked.holds else "MISSED",
        ]
    )


def _make_rules(cloud: Cloud) -> None:
    events, target = cloud.client("events"), sink_target(cloud)
    events.create_event_bus(Name=_BUS)
    for number in range(RULES):
        name, pattern = f"soak-{number}", json.dumps({"source": ["bench"], "detail": {"kind": [f"kind-{number}"]}})
        rule = events.put_rule(Name=name, EventBusName=_BUS, EventPattern=pattern)
        events.put_targets(Rule=name, EventBusName=_BUS, Targets=[target])
        _allow(cloud, rule["RuleArn"], name)


def _allow(cloud: Cloud, rule: str, name: str) -> None:
    cloud.client("lambda").add_permission(
        FunctionName=stack.function_name("Sink"),
        StatementId=name,
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
        SourceArn=rule,
    )


def _tenths(ids: Sequence[str]) -> list[list[str]]:
    size = max(1, len(ids) // 10)
    return [list(ids[first : first + size]) for first in range(0, len(ids), size)]


def _put(cloud: Cloud, ids: Sequence[str]) -> None:
    kinds = {number: f"kind-{int(number.rpartition('-')[2]) % RULES}" for number in ids}
    entries = [entry("Soak", number, _BUS, kind=kind) for number, kind in kinds.items()]
    for first in range(0, len(entries), BATCH):
        put(cloud, entries[first : first + BATCH])
