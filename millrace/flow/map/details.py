"""What the map tells of each part when it is chosen: its contract, who says and takes it, where failures go."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from millrace.flow.graph import Graph, Node
from millrace.flow.map.chart import Arrow, Chart, title_of
from millrace.flow.schemas import json_schema, registry_schema
from millrace.flow.shape import shape_of

Detail = dict[str, Any]
Row = tuple[str, list[Detail]]
"""A heading, and entries {"text": …, "to": the id of a part of the map, if it is one}."""


def details(graph: Graph, chart: Chart) -> dict[str, Detail]:
    """Everything that is told, by the ids of the boxes and the groups."""
    ids = [*(group.id for group in chart.groups), *(box.id for box in chart.boxes)]
    kinds = {box.id: box.kind for box in chart.boxes}
    drawn = set(ids)
    return {
        node.id: {
            "kind": kinds.get(node.id, "mediator"),
            "title": title_of(node),
            "path": node.id,
            "about": _about(node),
            "rows": [{"head": head, "entries": told} for head, told in _rows(graph, chart, node, drawn) if told],
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
    yield "In the sources", [{"text": str(place)} for place in node.places]


def _of_event(graph: Graph, node: Node) -> Iterator[Row]:
    contract = node.event.contract if node.event else None
    if contract:
        yield "Contract", [{"text": f"{contract.source} · {contract.detail_type} · version {contract.version}"}]
        yield "Ends here", [{"text": contract.terminal}] if contract.terminal else []
    yield "Said by", [_link(each) for each in graph.producers(node.id)]
    yield "Taken by", [_link(each) for each in graph.consumers(node.id) if each.kind != "starter"]


def _of_others(graph: Graph, chart: Chart, node: Node, drawn: set[str]) -> Iterator[Row]:
    steps = [graph[edge.target] for edge in graph.out(node.id, "invokes")]
    starters = [graph[edge.source] for edge in graph.into(node.id, "starts")]
    yield "Started by", [_link(graph[name]) for each in starters for name in each.consumes if name in graph.nodes]
    yield "Steps" if node.kind == "mediator" else "Calls", [_link(step) for step in steps]
    yield "Takes", [_link(graph[name]) for name in node.consumes]
    yield "Says", [_link(graph[name]) for name in node.publishes]
    yield "Comes by", [{"text": _way(graph, arrow)} for arrow in chart.arrows if arrow.target == node.id and arrow.by]
    yield "Stores", [_told(graph[edge.target], drawn) for edge in graph.out(node.id, "uses", "appends")]


def _way(graph: Graph, arrow: Arrow) -> str:
    parts = [graph[between] for between in arrow.by]
    return " → ".join([graph[arrow.source].name, *(f"{part.kind} {part.id}" for part in parts)])


def _failures(graph: Graph, chart: Chart, node: Node) -> Iterator[str]:
    """Where everything ends that fails on the way to a node, or in it; of an event, on its ways to all who take it."""
    steps = [edge.target for edge in graph.out(node.id, "invokes")] if node.kind == "mediator" else []
    near = {node.id, *steps}
    ways = [arrow for arrow in chart.arrows if arrow.kind == "takes" and near & {arrow.source, arrow.target}]
    passed = [between for way in ways for between in way.by]
    ends = [way.target for way in ways] if node.kind == "event" else [node.id]
    mediators = [e.source for end in ends for e in graph.into(end, "invokes") if graph[e.source].kind == "mediator"]
    for failing in dict.fromkeys([*passed, *ends, *mediators]):
        for edge in graph.out(failing, "fails-to"):
            yield f"{graph[failing].kind} {failing} → {edge.target}{_after(graph[failing])}"


def _after(node: Node) -> str:
    """After what a part gives up, as far as its resource says so."""
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


def _told(node: Node, drawn: Iterable[str]) -> Detail:
    return _link(node) if node.id in drawn else {"text": node.id}
