"""The map as one HTML page without network access, and the details that it shows of each part."""

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from millrace.flow.graph import Graph, Node
from millrace.flow.map.chart import Arrow, Chart, chart_of, title_of
from millrace.flow.map.layout import Layout, lay_out
from millrace.flow.map.svg import NAME, drawing, hues_of
from millrace.flow.schemas import json_schema, registry_schema
from millrace.flow.shape import shape_of

Detail = dict[str, Any]
Row = tuple[str, list[Detail]]
"""A heading and its entries: {"text": …, "to": the id of a part of the map, for a link}."""
_HERE = Path(__file__).parent
_OPENS_A_TAG = "<"


def page(graph: Graph, *, title: str) -> str:
    """The page with the picture, a search and the details of each part."""
    chart = chart_of(graph)
    wide, narrow = lay_out(chart, "LR", "TB")
    data = {"parts": details(graph, chart), "hues": hues_of(chart)}
    parts = {
        "title": escape(title),
        "style": (_HERE / "svg.css").read_text() + (_HERE / "page.css").read_text(),
        "wide": _view("wide", chart, wide),
        "narrow": _view("narrow", chart, narrow),
        "data": json.dumps(data, ensure_ascii=False).replace(_OPENS_A_TAG, r"\u003c"),
        "script": (_HERE / "page.js").read_text(),
    }
    text = (_HERE / "page.html").read_text()
    for name, part in parts.items():
        text = text.replace(f"<!-- {name} -->", part)
    return text


def _view(name: str, chart: Chart, layout: Layout) -> str:
    """One of two drawings. The page shows the one that fits its window."""
    size = f'data-width="{layout.width:.0f}" data-height="{layout.height + NAME:.0f}"'
    return f'<g class="view" id="{name}" {size}>{drawing(chart, layout)}</g>'


def details(graph: Graph, chart: Chart) -> dict[str, Detail]:
    """The details of each box and group, by id."""
    ids = [*(group.id for group in chart.groups), *(box.id for box in chart.boxes)]
    kinds = {box.id: box.kind for box in chart.boxes}
    drawn = set(ids)
    return {
        node.id: {
            "kind": kinds.get(node.id, "mediator"),
            "title": title_of(node),
            "path": node.id,
            "about": _about(node),
            "rows": [
                {"head": head, "entries": entries} for head, entries in _rows(graph, chart, node, drawn) if entries
            ],
            **_contract(node),
        }
        for node in map(graph.__getitem__, ids)
    }


def _about(node: Node) -> str:
    return " ".join((node.event.__doc__ or "").split()) if node.event else ""


def _contract(node: Node) -> Detail:
    if node.event is None:
        return {}
    fields = [
        {"name": ".".join(path).replace(".[]", "[]"), "type": str(field), "required": field.required}
        for path, field in shape_of(registry_schema(node.event, "OpenApi3")).items()
    ]
    return {"fields": fields, "schema": json.dumps(json_schema(node.event), indent=2)}


def _rows(graph: Graph, chart: Chart, node: Node, drawn: set[str]) -> Iterator[Row]:
    yield from _of_event(graph, node) if node.kind == "event" else _of_others(graph, chart, node, drawn)
    yield "When it fails", [{"text": text} for text in dict.fromkeys(_failures(graph, chart, node))]
    yield "Source", [{"text": str(location)} for location in node.locations]


def _of_event(graph: Graph, node: Node) -> Iterator[Row]:
    contract = node.event.contract if node.event else None
    if contract:
        yield "Contract", [{"text": f"{contract.source} · {contract.detail_type} · version {contract.version}"}]
        yield "Terminal", [{"text": contract.terminal}] if contract.terminal else []
    yield "Published by", [_link(each) for each in graph.producers(node.id)]
    yield "Consumed by", [_link(each) for each in graph.consumers(node.id) if each.kind != "starter"]


def _of_others(graph: Graph, chart: Chart, node: Node, drawn: set[str]) -> Iterator[Row]:
    steps = [graph[edge.target] for edge in graph.out(node.id, "invokes")]
    starters = [graph[edge.source] for edge in graph.into(node.id, "starts")]
    yield "Started by", [_link(graph[name]) for each in starters for name in each.consumes if name in graph.nodes]
    yield "Steps" if node.kind == "mediator" else "Calls", [_link(step) for step in steps]
    yield "Consumes", [_link(graph[name]) for name in node.consumes]
    yield "Publishes", [_link(graph[name]) for name in node.publishes]
    yield (
        "Arrives by",
        [{"text": _path(graph, arrow)} for arrow in chart.arrows if arrow.target == node.id and arrow.by],
    )
    yield (
        "Stores",
        [
            _link(graph[edge.target]) if edge.target in drawn else {"text": edge.target}
            for edge in graph.out(node.id, "uses", "appends")
        ],
    )


def _path(graph: Graph, arrow: Arrow) -> str:
    parts = [graph[between] for between in arrow.by]
    return " → ".join([graph[arrow.source].name, *(f"{part.kind} {part.id}" for part in parts)])


def _failures(graph: Graph, chart: Chart, node: Node) -> Iterator[str]:
    """The dead-letter queues of a node and of the arrows to it; for an event, of all its consumers."""
    steps = [edge.target for edge in graph.out(node.id, "invokes")] if node.kind == "mediator" else []
    own = {node.id, *steps}
    arrows = [arrow for arrow in chart.arrows if arrow.kind == "takes" and own & {arrow.source, arrow.target}]
    passed = [between for arrow in arrows for between in arrow.by]
    ends = [arrow.target for arrow in arrows] if node.kind == "event" else [node.id]
    mediators = [e.source for end in ends for e in graph.into(end, "invokes") if graph[e.source].kind == "mediator"]
    for failing in dict.fromkeys([*passed, *ends, *mediators]):
        for edge in graph.out(failing, "fails-to"):
            yield f"{graph[failing].kind} {failing} → {edge.target}{_after(graph[failing])}"


def _after(node: Node) -> str:
    """The limit of retries before a failure, from the properties of the resource."""
    properties = node.resource.properties if node.resource else {}
    if node.kind == "queue" and "RedrivePolicy" in properties:
        return f", after {properties['RedrivePolicy'].get('maxReceiveCount')} deliveries"
    policies = [target["RetryPolicy"] for target in properties.get("Targets", ()) if "RetryPolicy" in target]
    if node.kind in ("rule", "schedule") and policies:
        hours = policies[0].get("MaximumEventAgeInSeconds", 86400) / 3600
        return f", after {policies[0].get('MaximumRetryAttempts', 185)} retries or {hours:g} hours"
    return ", when an execution fails" if node.kind == "mediator" else ""


def _link(node: Node) -> Detail:
    return {"text": title_of(node), "to": node.id}
