"""The results as a table for a person, and as JSON for a machine."""

import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.bars import Judged
from benchmarks.comparison import Results
from benchmarks.environments import MINISTACK, SERVERLESS
from benchmarks.plan import Plan

_VERDICTS = {True: "holds", False: "MISSED", None: "?"}


def surroundings(plan: Plan) -> dict[str, Any]:
    """When and on what it was measured."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "runs": plan.runs,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "peers": [*MINISTACK[:1], *SERVERLESS],
    }


def as_json(judged: Sequence[Judged], results: Results, about: dict[str, Any]) -> dict[str, Any]:
    """Everything, each run's figures too."""
    lines = {each.line.key: _line_as_json(each, results) for each in judged}
    return {**about, "left_out": results.left_out, "lines": lines}


def _line_as_json(each: Judged, results: Results) -> dict[str, Any]:
    return {
        "title": each.line.title.strip(),
        "unit": each.line.unit,
        "better": each.line.better,
        "medians": dict(each.medians),
        "runs": {name: list(values) for name, values in results.figures.get(each.line.key, {}).items()},
        "reasons": dict(each.reasons),
        "to_better_peer": each.to_peer,
        "to_floor": each.to_floor,
        "bar": each.line.bar.words if each.line.bar else None,
        "holds": each.holds,
    }


def as_text(judged: Sequence[Judged], results: Results, about: dict[str, Any], names: Sequence[str]) -> str:
    """A table, and below it why some figures are missing."""
    columns = [name for name in names if name not in results.left_out]
    head = ["", *columns, "to peer", "to floor", "bar"]
    rows = [head, *(_row(each, columns) for each in judged)]
    told = f"{about['when']} · {about['runs']} runs, medians · {about['cores']} cores, load {about['load']} before"
    notes = [*(f"{name}: left out, {why}" for name, why in results.left_out.items()), *_reasons(judged)]
    return "\n".join([f"{told} · Python {about['python']}", "", *_aligned(rows), *([""] if notes else []), *notes])


def _row(each: Judged, columns: Sequence[str]) -> list[str]:
    figures = [_figure(each, name) for name in columns]
    ratios = [f"{ratio:.2f}" if ratio is not None else "" for ratio in (each.to_peer, each.to_floor)]
    bar = f"{_VERDICTS[each.holds]}: {each.line.bar.words}" if each.line.bar else ""
    return [f"{each.line.title} ({each.line.unit})", *figures, *ratios, bar]


def _figure(each: Judged, name: str) -> str:
    if name not in each.medians:
        return "-"
    value = each.medians[name]
    return f"{value:,.{_decimals(value)}f}"


def _decimals(value: float) -> int:
    """As many as make three digits."""
    return max(0, 2 - int(math.log10(max(value, 1))))


def _reasons(judged: Sequence[Judged]) -> list[str]:
    told = {f"{name}, {each.line.title.strip()}: {why}": None for each in judged for name, why in each.reasons.items()}
    return list(told)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(_cell(cell, widths[at], left=at in (0, last)) for at, cell in enumerate(row)).rstrip() for row in rows
    ]


def _cell(text: str, width: int, *, left: bool) -> str:
    return text.ljust(width) if left else text.rjust(width)
