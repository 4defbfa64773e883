"""Endless loops: cycles of events, and limits of hops."""

from collections import deque
from collections.abc import Iterator, Mapping

from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import INGRESS_KINDS, Edge, EdgeKind, Graph, Node

_CAUSAL: tuple[EdgeKind, ...] = ("publishes", "appends", "matches", "delivers", "feeds", "starts", "invokes")
"""The edges by which one event leads to the next."""
_ORIGINS = (*INGRESS_KINDS, "changes")
"""The kinds of nodes that publish events without a cause."""
_SAME_HOPS = (*_ORIGINS, "relay")
"""The kinds of nodes that add no hop."""
_SHOWN = ("event", "mediator")


@check("cycle", weakness="endless loops")
def cycle(system: System) -> Iterator[Finding]:
    """Events cause one another in a cycle.

    Each round costs as much as the first one, and only a limit ends it. Two paths from one event to another are no
    cycle without a path back. Remove one of the subscriptions or events. If the cycle is intended and ends by what its
    events contain, allow it for one of its functions: allow_cycle(reason=…, max_hops=…).
    """
    seen: set[str] = set()
    for node in system.graph.nodes:
        loop = [] if node in seen else _loop(system.graph, node)
        if loop:
            seen.update(edge.source for edge in loop)
            yield _cycle(system.graph, loop)


def leads_back(graph: Graph, node: str) -> bool:
    """Whether a node is part of a cycle, allowed or not."""
    return bool(_loop(graph, node, through_allowed=True))


def _loop(graph: Graph, start: str, *, through_allowed: bool = False) -> list[Edge]:
    """The shortest path from a node back to itself, without functions that allow a cycle."""
    paths: list[list[Edge]] = [[edge] for edge in _onward(graph, start, through_allowed=through_allowed)]
    seen: set[str] = set()
    for path in paths:
        at = path[-1].target
        if at == start:
            return path
        if at not in seen:
            seen.add(at)
            paths.extend([*path, edge] for edge in _onward(graph, at, through_allowed=through_allowed))
    return []


def _onward(graph: Graph, at: str, *, through_allowed: bool) -> list[Edge]:
    return graph.out(at, *_CAUSAL) if through_allowed or "allow_cycle" not in graph[at].facts else []


def _cycle(graph: Graph, loop: list[Edge]) -> Finding:
    first = next(i for i, edge in enumerate(loop) if graph[edge.source].kind == "event")
    loop = [*loop[first:], *loop[:first]]
    shown = [graph[edge.source] for edge in loop if graph[edge.source].kind in _SHOWN or edge.kind == "publishes"]
    path = " → ".join([*(node.name for node in shown), shown[0].name])
    functions = [graph[edge.source] for edge in loop if edge.kind == "publishes"]
    *most, last = (node.name for node in functions)
    names = f"{', '.join(most)} or {last}" if most else last
    return Finding(
        subject=functions[0].id,
        message=f"The events form a cycle: {path}.",
        fix=f"Remove an event that {names} consumes or publishes, or allow the cycle at the construct of one of them: "
        "allow_cycle=allow_cycle(reason=…, max_hops=…).",
        locations=tuple(dict.fromkeys(location for node in functions for location in node.locations)),
        resources=tuple(dict.fromkeys(each for edge in loop for each in edge.resources)),
        steps=tuple(f"{node.name}  {', '.join(map(str, node.locations))}".rstrip() for node in shown),
    )


@check("hop-limit", weakness="endless loops")
def hop_limit(system: System) -> Iterator[Finding]:
    """A limit of hops is lower than the hops that events need.

    A function quarantines an event with more hops than Bus(max_hops=…) or its own allow_cycle(max_hops=…). A cycle ends
    early, in dead letters, if one of its functions has a lower limit than the one that allows the cycle. A consumer
    never handles an event that always arrives with more hops than the consumer accepts. Raise the limit of the bus, or
    lower the limit of the cycle.
    """
    graph = system.graph
    for node in graph.functions:
        if "allow_cycle" in node.facts:
            yield from _lower_limits(graph, node)
    fewest = _fewest_hops(graph)
    for node in _limited(graph.functions):
        for event in node.consumes:
            if fewest.get(event, 0) > node.facts["max_hops"]:
                yield _unreachable(node, graph[event], fewest[event])


def _lower_limits(graph: Graph, node: Node) -> Iterator[Finding]:
    """The functions of a cycle with a lower limit than the function that allows the cycle."""
    allowed = node.facts["allow_cycle"]["max_hops"]
    for other in _limited(graph.functions):
        most = other.facts["max_hops"]
        if most < allowed and other.id in _reached(graph, node.id) and node.id in _reached(graph, other.id):
            yield Finding.at(
                node,
                f"{node.name} allows a cycle of up to {allowed} hops, but {other.name}, a part of the cycle, "
                f"quarantines events with more than {most} hops.",
                f"Set Bus(max_hops={allowed}), or set allow_cycle(max_hops=…) of {node.name} to at most {most}.",
            )


def _unreachable(node: Node, event: Node, hops: int) -> Finding:
    return Finding.at(
        node,
        f"{node.name} consumes {event.name}, which arrives with at least {hops} hops, but quarantines events with more "
        f"than {node.facts['max_hops']} hops.",
        f"Set Bus(max_hops=…), or allow_cycle(max_hops=…) of {node.name} if it has one, to {hops} or more.",
    )


def _limited(functions: list[Node]) -> list[Node]:
    return [node for node in functions if "max_hops" in node.facts]


def _reached(graph: Graph, start: str) -> set[str]:
    """The nodes that the events of a node lead to; the node itself only if it is part of a cycle."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        new = {edge.target for edge in graph.out(ahead.pop(), *_CAUSAL)} - seen
        seen |= new
        ahead += new
    return seen


def _fewest_hops(graph: Graph) -> Mapping[str, int]:
    """The minimum of hops of each event, by a breadth-first search."""
    fewest: dict[str, int] = {}
    ahead = deque((node.id, 0) for node in graph.of(*_ORIGINS))
    while ahead:
        at, hops = ahead.popleft()
        if at in fewest:
            continue
        fewest[at] = hops
        for edge in graph.out(at, *_CAUSAL):
            further = _adds_hop(graph, edge)
            (ahead.append if further else ahead.appendleft)((edge.target, hops + further))
    return fewest


def _adds_hop(graph: Graph, edge: Edge) -> bool:
    """Whether an event gets one more hop along an edge. A relay publishes appended events without another hop."""
    return edge.kind == "appends" or (edge.kind == "publishes" and graph[edge.source].kind not in _SAME_HOPS)
