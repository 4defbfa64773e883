"""The map as one page of HTML, which needs no network."""

import json
from html import escape
from pathlib import Path

from millrace.flow.graph import Graph
from millrace.flow.map.chart import Chart, chart_of
from millrace.flow.map.details import details
from millrace.flow.map.layout import Layout, lay_out
from millrace.flow.map.svg import NAME, drawing, hues_of

_HERE = Path(__file__).parent
_OPENS_A_TAG = "<"


def page(graph: Graph, *, title: str) -> str:
    """The whole page: picture, search, and what is told of each part."""
    chart = chart_of(graph)
    wide, narrow = lay_out(chart, "LR", "TB")
    told = {"parts": details(graph, chart), "hues": hues_of(chart)}
    parts = {
        "title": escape(title),
        "style": (_HERE / "svg.css").read_text() + (_HERE / "page.css").read_text(),
        "wide": _view("wide", chart, wide),
        "narrow": _view("narrow", chart, narrow),
        "data": json.dumps(told, ensure_ascii=False).replace(_OPENS_A_TAG, r"\u003c"),
        "script": (_HERE / "page.js").read_text(),
    }
    text = (_HERE / "page.html").read_text()
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part)
    return text


def _view(name: str, chart: Chart, layout: Layout) -> str:
    """One of two drawings of the same: the page shows the one that fits its window."""
    size = f'data-width="{layout.width:.0f}" data-height="{layout.height + NAME:.0f}"'
    return f'<g class="view" id="{name}" {size}>{drawing(chart, layout)}</g>'
