"""Ten thousand events in batches of ten onto a bus with fifty rules: each handled once, none lost, memory flat."""

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
"""What memory may grow to between the second half's start and the end."""

_BUS = "soak"
_PATIENCE = 300.0
_QUIET = 1.0


@dataclass(frozen=True)
class Soaked:
    """What became of the events. `memory` is in MiB, one figure for each tenth of the events."""

    events: int
    rules: int
    lost: int
    more_than_once: int
    seconds: float
    memory: tuple[float, ...]

    @property
    def growth(self) -> float:
        """Of memory, over the second half."""
        half = len(self.memory) // 2
        return statistics.mean(self.memory[-2:]) / statistics.mean(self.memory[half : half + 2])

    @property
    def holds(self) -> bool:
        """Whether all was handled once, and memory is flat."""
        return not self.lost and not self.more_than_once and self.growth <= FLAT


def soak(events: int = EVENTS) -> Soaked:
    """Put that many events to a Millrace of its own, and see what its handlers wrote down."""
    with Cloud(Millrace(), limit=8 << 30) as cloud:
        cloud.make_ready()
        _make_rules(cloud)
        began, memory, ids = time.monotonic(), [], [f"soak-{number}" for number in range(events)]
        for tenth in _tenths(ids):
            _put(cloud, tenth)
            last = cloud.records.wait("sink", tenth, _PATIENCE)
            memory.append(cloud.watch.now() / MIB)
        time.sleep(_QUIET)  # for what would come a second time
        times = [len(cloud.records.of("sink").get(number, ())) for number in ids]
    return Soaked(events, RULES, times.count(0), sum(n > 1 for n in times), max(last) - began, tuple(memory))


def as_json(soaked: Soaked) -> dict[str, Any]:
    """Everything."""
    return {**asdict(soaked), "growth": soaked.growth, "holds": soaked.holds}


def as_text(soaked: Soaked) -> str:
    """The figures, and whether it held."""
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
