"""The map as an SVG picture with a light and a dark theme."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

from millrace.flow.graph import Node
from millrace.flow.map.chart import Arrow, Box, Chart
from millrace.flow.map.layout import Layout, Line, Rectangle, lay_out

EVENTS = ("event", "refusal")
_STYLE = Path(__file__).with_name("svg.css")
_HEAD = 8
NAME = 24
"""Pixels above a group for its name."""
_RIM = 10
_FIRST_HUE, _NEXT_HUE = 38, 137.5
"""The hues of contexts are a golden angle apart, so that neighbours differ."""


def svg(chart: Chart) -> str:
    """An SVG document in the direction with the smaller size."""
    layout = min(lay_out(chart, "LR", "TB"), key=lambda layout: max(layout.width, layout.height))
    size = f'viewBox="0 0 {layout.width:.0f} {layout.height + NAME:.0f}"'
    attributes = f'xmlns="http://www.w3.org/2000/svg" class="map" role="img" aria-label="How events flow" {size}'
    paper = '<rect width="100%" height="100%" style="fill: var(--paper)"/>'
    return f"<svg {attributes}><style>{_STYLE.read_text()}</style>{paper}{drawing(chart, layout)}</svg>\n"


def drawing(chart: Chart, layout: Layout) -> str:
    """The groups, arrows and boxes."""
    hues = hues_of(chart)
    parts = [
        *(_group(group, layout.groups[group.id]) for group in chart.groups),
        *(_arrow(arrow, line) for arrow, line in zip(chart.arrows, layout.lines, strict=True)),
        *(_box(box, layout.boxes[box.id], hues.get(box.context or "", 0)) for box in _in_order(chart, layout)),
    ]
    return f'<g transform="translate(0 {NAME})">{"".join(parts)}</g>'


def _in_order(chart: Chart, layout: Layout) -> list[Box]:
    """The boxes in the order of the flow, which is the order of the Tab key."""
    at = layout.boxes
    if layout.direction == "TB":
        return sorted(chart.boxes, key=lambda box: (at[box.id].y, at[box.id].x))
    return sorted(chart.boxes, key=lambda box: (at[box.id].x, at[box.id].y))


def hues_of(chart: Chart) -> dict[str, int]:
    """A hue for each context that publishes events."""
    contexts = sorted({box.context for box in chart.boxes if box.context})
    return {context: round(_FIRST_HUE + _NEXT_HUE * number) % 360 for number, context in enumerate(contexts)}


def _group(group: Node, at: Rectangle) -> str:
    x, y = at.x - at.width / 2 - _RIM, at.y - at.height / 2 - NAME
    size = f'width="{at.width + 2 * _RIM:.1f}" height="{at.height + NAME + _RIM:.1f}"'
    return (
        f'<g class="group" data-id="{escape(group.id)}" tabindex="0" role="button" '
        f'aria-label="mediator {escape(group.name)}">'
        f'<rect class="shape" x="{x:.1f}" y="{y:.1f}" {size} rx="14"/>'
        f'<text class="name" x="{x + 14:.1f}" y="{y + 18:.1f}">{escape(group.name)} · mediator</text></g>'
    )


def _box(box: Box, at: Rectangle, hue: int) -> str:
    x, y = at.x - at.width / 2, at.y - at.height / 2
    is_event = box.kind in EVENTS
    radius = at.height / 2 if is_event else 7
    style = f' style="--hue: {hue}"' if is_event else ""
    middle = f'x="{at.x:.1f}" text-anchor="middle"'
    return (
        f'<g class="box {escape(box.kind)}" data-id="{escape(box.id)}" tabindex="0" role="button" '
        f'aria-label="{escape(f"{box.kind} {box.title}, {box.note}")}"{style}>'
        f'<rect class="shape" x="{x:.1f}" y="{y:.1f}" width="{at.width}" height="{at.height}" rx="{radius}"/>'
        f'<text class="title{"" if is_event else " code"}" {middle} y="{at.y - 2:.1f}">{escape(box.title)}</text>'
        f'<text class="note" {middle} y="{at.y + 13:.1f}">{escape(box.note)}</text></g>'
    )


def _arrow(arrow: Arrow, line: Line) -> str:
    label = ""
    if arrow.label and line.label:
        x, y = line.label
        label = f'<text class="label" x="{x:.1f}" y="{y + 3:.1f}" text-anchor="middle">{escape(arrow.label)}</text>'
    return (
        f'<g class="arrow {arrow.kind}" data-from="{escape(arrow.source)}" data-to="{escape(arrow.target)}">'
        f'<path class="way" d="{_curve(line.points)}"/><path class="head" d="{_head(line.points)}"/>{label}</g>'
    )


def _curve(points: Sequence[tuple[float, float]]) -> str:
    """A cubic B-spline along the points, from the first to the last."""
    if len(points) < 3:  # noqa: PLR2004
        return f"M{_at(points[0])}L{_at(points[-1])}"
    padded = [points[0], points[0], *points[1:-1], points[-1], points[-1]]
    return f"M{_at(points[0])}" + "".join(_bends(padded)) + f"L{_at(points[-1])}"


def _bends(points: Sequence[tuple[float, float]]) -> Iterator[str]:
    for (a, b), (_, c) in pairwise(pairwise(points)):
        first, second = _mix(a, b, 1 / 3), _mix(a, b, 2 / 3)
        end = _mix(second, _mix(b, c, 1 / 3), 1 / 2)
        yield f"C{_at(first)} {_at(second)} {_at(end)}"


def _mix(a: tuple[float, float], b: tuple[float, float], share: float) -> tuple[float, float]:
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def _head(points: Sequence[tuple[float, float]]) -> str:
    """A triangle at the last point, in the direction of the last segment."""
    (x, y), (fromx, fromy) = points[-1], points[-2]
    angle = math.atan2(y - fromy, x - fromx)
    corners = [(x + _HEAD * math.cos(angle + turn), y + _HEAD * math.sin(angle + turn)) for turn in (2.7, -2.7)]
    return f"M{_at(points[-1])}L{_at(corners[0])}L{_at(corners[1])}Z"


def _at(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"
