"""What of the graph is drawn: events, who says and who takes them; what only lies on the way between is an arrow.

An arrow stands for resources of the template; what a contract alone says is told, not drawn.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from millrace.events import Refusal
from millrace.flow.graph import Edge, EdgeKind, Graph, Node

ArrowKind = Literal["publishes", "takes", "next", "back", "invokes", "uses"]
_ONWARD: tuple[EdgeKind, ...] = ("matches", "delivers", "feeds", "starts")
_BETWEEN = frozenset({"rule", "queue", "stream", "starter"})
"""Kinds of nodes that are drawn as a part of an arrow, where it goes on from them."""
_CHANNELS = {"queue": "queue", "stream": "ordered"}


@dataclass(frozen=True)
class Box:
    """One node as it is drawn: `note` is its second line, `group` the mediator whose step it is."""

    id: str
    kind: str
    title: str
    note: str
    group: str | None = None
    context: str | None = None


@dataclass(frozen=True)
class Arrow:
    """One arrow. `back` is the way of what was refused or has failed.

    `by` are the nodes that lie on its way, `resources` the parts of the template that make it.
    """

    source: str
    target: str
    kind: ArrowKind
    resources: tuple[str, ...]
    label: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """All that is drawn; `groups` are the mediators that have steps."""

    boxes: tuple[Box, ...]
    groups: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def chart_of(graph: Graph) -> Chart:
    """The drawing of a graph."""
    arrows = tuple(_joined(_arrows(graph)))
    ends = {end for arrow in arrows for end in (arrow.source, arrow.target)}
    shown = [node for node in graph.nodes.values() if node.id in ends or _always(node)]
    groups = {node.id: node for node in graph.of("mediator") if _steps(graph, node)}
    boxes = tuple(_box(graph, node, arrows) for node in shown if node.id not in groups)
    return Chart(boxes, tuple(groups.values()), arrows)


def _always(node: Node) -> bool:
    return node.kind in ("event", "mediator") or (
        node.resource is not None and node.resource.type == "AWS::Lambda::Function" and node.kind not in _BETWEEN
    )


def _arrows(graph: Graph) -> Iterator[Arrow]:
    for node in graph.nodes.values():
        if node.kind in _BETWEEN:
            continue
        for way in _ways(graph, node.id, ()):
            yield from _taking(graph, way)
        for edge in graph.out(node.id, "publishes"):
            if edge.resources:
                yield Arrow(edge.source, edge.target, "publishes", edge.resources)
        for edge in graph.out(node.id, "next", "caught"):
            label = "failed" if edge.kind == "caught" else edge.label
            yield Arrow(edge.source, edge.target, "back" if label else "next", edge.resources, label)
        yield from _calls(graph, node)


def _joined(arrows: Iterable[Arrow]) -> list[Arrow]:
    """Arrows of one kind between the same two ends are one, with the labels of all."""
    found: dict[tuple[str, str, str], Arrow] = {}
    for arrow in arrows:
        key = (arrow.source, arrow.target, arrow.kind)
        before = found.get(key, arrow)
        found[key] = replace(
            arrow,
            label=" or ".join(dict.fromkeys(label for label in (before.label, arrow.label) if label)),
            resources=tuple(dict.fromkeys(before.resources + arrow.resources)),
            by=tuple(dict.fromkeys(before.by + arrow.by)),
        )
    return list(found.values())


def _ways(graph: Graph, start: str, way: tuple[Edge, ...]) -> Iterator[tuple[Edge, ...]]:
    """Each way on from a node, through what lies between, to the first node that is drawn."""
    for edge in graph.out(start, *_ONWARD):
        on = graph[edge.target].kind in _BETWEEN and graph.out(edge.target, *_ONWARD)
        if on and edge not in way:
            yield from _ways(graph, edge.target, (*way, edge))
        else:
            yield (*way, edge)


def _taking(graph: Graph, way: tuple[Edge, ...]) -> Iterator[Arrow]:
    """An arrow to the end of a way; where that is a mediator, to the steps that it begins with."""
    target = graph[way[-1].target]
    resources = tuple(dict.fromkeys(resource for edge in way for resource in edge.resources))
    between = tuple(edge.target for edge in way[:-1])
    ends = _first_steps(graph, target) if target.kind == "mediator" else []
    for end in ends or [target]:
        yield Arrow(way[0].source, end.id, "takes", resources, by=between)


def _calls(graph: Graph, node: Node) -> Iterator[Arrow]:
    """What an API calls, and whom its door answers; and stores, where something follows from what is written there."""
    if node.kind != "mediator":
        for edge in graph.out(node.id, "invokes"):
            yield Arrow(edge.source, edge.target, "invokes", edge.resources, edge.label)
    for edge in graph.out(node.id, "answers"):
        yield Arrow(edge.source, edge.target, "invokes", edge.resources, "answer")
    for edge in graph.out(node.id, "uses", "appends"):
        if edge.kind == "appends" or _leads_on(graph, edge):
            yield Arrow(edge.source, edge.target, "uses", edge.resources)


def _leads_on(graph: Graph, use: Edge) -> bool:
    """Whether something follows from what a function writes into a table; of an event store, it only reads."""
    fed = {feed.target for feed in graph.out(use.target, "feeds")}
    return bool(fed) and use.source not in fed and not graph.into(use.target, "appends")


def _steps(graph: Graph, mediator: Node) -> list[Node]:
    return [graph[edge.target] for edge in graph.out(mediator.id, "invokes")]


def _first_steps(graph: Graph, mediator: Node) -> list[Node]:
    return [step for step in _steps(graph, mediator) if not graph.into(step.id, "next", "caught")]


def _box(graph: Graph, node: Node, arrows: tuple[Arrow, ...]) -> Box:
    mediators = [edge.source for edge in graph.into(node.id, "invokes") if graph[edge.source].kind == "mediator"]
    kind = "refusal" if node.event and issubclass(node.event, Refusal) else node.kind
    note = _event_note(node) if node.kind == "event" else _note(graph, node, arrows)
    context = node.id.partition(":")[0] if node.kind == "event" else None
    return Box(node.id, kind, title_of(node), note, mediators[0] if mediators else None, context)


def title_of(node: Node) -> str:
    """Its name; where that says no more than its kind, the construct's around it."""
    says_nothing = node.name.lower() in (node.kind, "table")
    return node.id.split("/")[-2] if says_nothing and "/" in node.id else node.name


def _event_note(node: Node) -> str:
    source = node.id.partition(":")[0]
    if node.event and node.event.contract.external:
        return f"from outside · {source}"
    return f"ends here · {source}" if node.event and node.event.contract.terminal else source


def _note(graph: Graph, node: Node, arrows: tuple[Arrow, ...]) -> str:
    """The kind of a function, and the channel in front of it."""
    if node.kind == "step":
        return "step"
    takes = [arrow for arrow in arrows if arrow.target == node.id and arrow.kind == "takes"]
    channels = dict.fromkeys(_channel(graph, arrow) for arrow in takes)
    return " · ".join([node.kind.replace("-", " "), *channels])


def _channel(graph: Graph, arrow: Arrow) -> str:
    kinds = [graph[between].kind for between in arrow.by]
    if graph[arrow.source].kind == "store":
        return "change stream"
    return next((name for kind, name in _CHANNELS.items() if kind in kinds), "direct")
