"""The lines of the table: figures of Millrace, the better peer and the floor, and the bar for Millrace."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.comparison import Results

OURS, FLOOR, MINISTACK = "Millrace", "floor", "MiniStack"
Medians = Mapping[str, float]


@dataclass(frozen=True)
class Bar:
    """A target for Millrace's figure, in words and as a bound; None without figures to derive it from."""

    words: str
    bound: Callable[[Medians, float | None], float | None]


@dataclass(frozen=True)
class Line:
    """One line of the table. `better` is the better direction."""

    key: str
    title: str
    unit: str
    bar: Bar | None = None
    better: Literal["low", "high"] = "low"


@dataclass(frozen=True)
class Evaluated:
    """A line with its figures. Ratios are Millrace's to another's; `holds` is None without figures."""

    line: Line
    medians: Medians
    reasons: Mapping[str, str]
    to_peer: float | None
    to_floor: float | None
    holds: bool | None


def _of_peer(share: float) -> Callable[[Medians, float | None], float | None]:
    return lambda _, peer: None if peer is None else share * peer


def _of_ministack(share: float) -> Callable[[Medians, float | None], float | None]:
    return lambda medians, _: share * medians[MINISTACK] if MINISTACK in medians else None


def _fixed(bound: float) -> Callable[[Medians, float | None], float | None]:
    return lambda _medians, _peer: bound


LINES = (
    Line("latency", "put to handler, median", "ms", Bar("at most half of the better peer's", _of_peer(0.5))),
    Line("latency_p99", "put to handler, p99", "ms", Bar("below 10 ms", _fixed(10))),
    Line(
        "throughput",
        "burst until the last handler ends",
        "events/s",
        Bar("at least 1.5 times the better peer's", _of_peer(1.5)),
        "high",
    ),
    Line("cpu", "  processor for each of those", "ms"),
    Line("memory", "peak memory of that", "MiB", Bar("below both peers'", _of_peer(1))),
    Line("memory_shared", "  after it, shared pages once", "MiB"),
    Line("chain", "chain of five hops", "ms", Bar("at most a third of MiniStack's", _of_ministack(1 / 3))),
    Line("crowd", "100 chains at once", "handlers/s", None, "high"),
    Line("crowd_memory", "peak memory of that", "MiB"),
    Line("backlog", "20,000 events from four clients", "events/s", None, "high"),
    Line("backlog_memory", "peak memory of that", "MiB"),
    Line("backlog_few", "processor for an event, 200 queued", "ms"),
    Line("backlog_many", "processor for an event, 20,000 queued", "ms"),
    Line("backlog_growth", "20,000 queued to 200", "times", Bar("at most 1.2", _fixed(1.2))),
    Line("fairness", "four functions while a fifth sleeps, to alone", "times", Bar("at most 1.2", _fixed(1.2))),
    Line("machine", "state machine of three tasks", "ms", Bar("at most a third of MiniStack's", _of_ministack(1 / 3))),
    Line("machines", "  1,000 executions of it at once, for each", "ms"),
    Line("startup", "start-up until deployed", "s", Bar("below MiniStack's", _of_ministack(1))),
    Line("first", "start-up to a handled event", "s"),
    Line("rules_1", "an event, with 1 rule", "ms"),
    Line("rules_1000", "an event, with 1,000 rules", "ms"),
    Line("rules_growth", "1,000 rules to 1", "times", Bar("at most 2", _fixed(2))),
)


def evaluate(results: Results) -> list[Evaluated]:
    """Return every line with figures or with reasons for missing ones."""
    figures = {key: _medians(by_subject) for key, by_subject in results.figures.items()}
    figures["rules_growth"] = _growth(figures, "rules_1", "rules_1000")
    figures["backlog_growth"] = _growth(figures, "backlog_few", "backlog_many")
    lines = [line for line in LINES if figures.get(line.key) or results.reasons.get(line.key)]
    return [_evaluated(line, figures.get(line.key, {}), results.reasons.get(line.key, {})) for line in lines]


def _medians(by_subject: Mapping[str, Sequence[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in by_subject.items()}


def _growth(figures: Mapping[str, Medians], few: str, much: str) -> dict[str, float]:
    one, many = figures.get(few, {}), figures.get(much, {})
    return {name: many[name] / one[name] for name in one if name in many}


def _evaluated(line: Line, medians: Medians, reasons: Mapping[str, str]) -> Evaluated:
    ours, floor = medians.get(OURS), medians.get(FLOOR)
    peers = [value for name, value in medians.items() if name not in (OURS, FLOOR)]
    best = (max if line.better == "high" else min)(peers, default=None)
    return Evaluated(line, medians, reasons, _ratio(ours, best), _ratio(ours, floor), _holds(line, medians, best))


def _ratio(ours: float | None, other: float | None) -> float | None:
    return ours / other if ours is not None and other else None


def _holds(line: Line, medians: Medians, best: float | None) -> bool | None:
    bound = line.bar.bound(medians, best) if line.bar else None
    if bound is None or OURS not in medians:
        return None
    return medians[OURS] >= bound if line.better == "high" else medians[OURS] <= bound
