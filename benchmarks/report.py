"""The results as a table and as JSON."""

import math
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.bars import Evaluated
from benchmarks.comparison import Results
from benchmarks.environments import MINISTACK, SERVERLESS
from benchmarks.plan import Plan

_VERDICTS = {True: "holds", False: "MISSED", None: "?"}


def surroundings(plan: Plan) -> dict[str, Any]:
    """Return time and environment of the measurement."""
    return {
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "runs": plan.runs,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "peers": [*MINISTACK[:1], *SERVERLESS],
    }


def as_json(evaluated: Sequence[Evaluated], results: Results, about: dict[str, Any]) -> dict[str, Any]:
    """Return all results, with the figures of each run."""
    lines = {each.line.key: _line_as_json(each, results) for each in evaluated}
    return {**about, "left_out": results.left_out, "lines": lines}


def _line_as_json(each: Evaluated, results: Results) -> dict[str, Any]:
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


def as_text(evaluated: Sequence[Evaluated], results: Results, about: dict[str, Any], names: Sequence[str]) -> str:
    """Return a table, followed by reasons for missing figures."""
    columns = [name for name in names if name not in results.left_out]
    head = ["", *columns, "to peer", "to floor", "bar"]
    rows = [head, *(_row(each, columns) for each in evaluated)]
    head_line = f"{about['when']} · {about['runs']} runs, medians · {about['cores']} cores, load {about['load']} before"
    notes = [*(f"{name}: left out, {why}" for name, why in results.left_out.items()), *_reasons(evaluated)]
    return "\n".join([f"{head_line} · Python {about['python']}", "", *_aligned(rows), *([""] if notes else []), *notes])


def _row(each: Evaluated, columns: Sequence[str]) -> list[str]:
    figures = [_figure(each, name) for name in columns]
    ratios = [f"{ratio:.2f}" if ratio is not None else "" for ratio in (each.to_peer, each.to_floor)]
    bar = f"{_VERDICTS[each.holds]}: {each.line.bar.words}" if each.line.bar else ""
    return [f"{each.line.title} ({each.line.unit})", *figures, *ratios, bar]


def _figure(each: Evaluated, name: str) -> str:
    if name not in each.medians:
        return "-"
    value = each.medians[name]
    return f"{value:,.{_decimals(value)}f}"


def _decimals(value: float) -> int:
    """Return the decimals for three significant digits."""
    return max(0, 2 - int(math.log10(max(value, 1))))


def _reasons(evaluated: Sequence[Evaluated]) -> list[str]:
    reasons = {
        f"{name}, {each.line.title.strip()}: {why}": None for each in evaluated for name, why in each.reasons.items()
    }
    return list(reasons)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    return [
        "  ".join(_cell(cell, widths[at], left=at in (0, last)) for at, cell in enumerate(row)).rstrip() for row in rows
    ]


def _cell(text: str, width: int, *, left: bool) -> str:
    return text.ljust(width) if left else text.rjust(width)
