"""The boxes and arrows of the map: events with their producers and consumers.

Rules, queues and streams become part of an arrow. Each arrow has resources in the template; edges from contracts alone
are not drawn.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from millrace.events import Refusal
from millrace.flow.graph import Edge, EdgeKind, Graph, Node

ArrowKind = Literal["publishes", "takes", "next", "back", "invokes", "uses"]
_ONWARD: tuple[EdgeKind, ...] = ("matches", "delivers", "feeds", "starts")
_BETWEEN = frozenset({"rule", "queue", "stream", "starter"})
"""Kinds of nodes that are drawn as part of an arrow, if they have an outgoing edge."""
_CHANNELS = {"queue": "queue", "stream": "ordered"}


@dataclass(frozen=True)
class Box:
    """A node of the map. `note` is its second line, `group` the mediator of a step."""

    id: str
    kind: str
    title: str
    note: str
    group: str | None = None
    context: str | None = None


@dataclass(frozen=True)
class Arrow:
    """An arrow. The kind `back` is the path after a refusal or a failure.

    `by` are the nodes along the arrow, `resources` the resources in the template that create it.
    """

    source: str
    target: str
    kind: ArrowKind
    resources: tuple[str, ...]
    label: str = ""
    by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Chart:
    """The content of the map. `groups` are the mediators with steps."""

    boxes: tuple[Box, ...]
    groups: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def chart_of(graph: Graph) -> Chart:
    """The chart of a graph."""
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
        for path in _paths(graph, node.id, ()):
            yield from _taking(graph, path)
        for edge in graph.out(node.id, "publishes"):
            if edge.resources:
                yield Arrow(edge.source, edge.target, "publishes", edge.resources)
        for edge in graph.out(node.id, "next", "caught"):
            label = "failed" if edge.kind == "caught" else edge.label
            yield Arrow(edge.source, edge.target, "back" if label else "next", edge.resources, label)
        yield from _calls(graph, node)


def _joined(arrows: Iterable[Arrow]) -> list[Arrow]:
    """Combine arrows of one kind between the same two ends, with all their labels."""
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


def _paths(graph: Graph, start: str, path: tuple[Edge, ...]) -> Iterator[tuple[Edge, ...]]:
    """Each path from a node to the first node that is drawn as a box."""
    for edge in graph.out(start, *_ONWARD):
        on = graph[edge.target].kind in _BETWEEN and graph.out(edge.target, *_ONWARD)
        if on and edge not in path:
            yield from _paths(graph, edge.target, (*path, edge))
        else:
            yield (*path, edge)


def _taking(graph: Graph, path: tuple[Edge, ...]) -> Iterator[Arrow]:
    """An arrow to the end of a path, or to the first steps of a mediator."""
    target = graph[path[-1].target]
    resources = tuple(dict.fromkeys(resource for edge in path for resource in edge.resources))
    between = tuple(edge.target for edge in path[:-1])
    ends = _first_steps(graph, target) if target.kind == "mediator" else []
    for end in ends or [target]:
        yield Arrow(path[0].source, end.id, "takes", resources, by=between)


def _calls(graph: Graph, node: Node) -> Iterator[Arrow]:
    """The calls of an API, the answers to callbacks, and writes to stores that other functions read."""
    if node.kind != "mediator":
        for edge in graph.out(node.id, "invokes"):
            yield Arrow(edge.source, edge.target, "invokes", edge.resources, edge.label)
    for edge in graph.out(node.id, "answers"):
        yield Arrow(edge.source, edge.target, "invokes", edge.resources, "answer")
    for edge in graph.out(node.id, "uses", "appends"):
        if edge.kind == "appends" or _is_read(graph, edge):
            yield Arrow(edge.source, edge.target, "uses", edge.resources)


def _is_read(graph: Graph, use: Edge) -> bool:
    """Whether a change stream delivers the writes of a function to another one."""
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
    """Its name, or the name of its parent construct where its own name only repeats the kind."""
    is_generic = node.name.lower() in (node.kind, "table")
    return node.id.split("/")[-2] if is_generic and "/" in node.id else node.name


def _event_note(node: Node) -> str:
    source = node.id.partition(":")[0]
    if node.event and node.event.contract.external:
        return f"external · {source}"
    return f"terminal · {source}" if node.event and node.event.contract.terminal else source


def _note(graph: Graph, node: Node, arrows: tuple[Arrow, ...]) -> str:
    """The kind of a function and its channels."""
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
