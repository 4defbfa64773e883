"""Endless loops: how far events may go, and how far they have to."""

from collections import deque
from collections.abc import Iterator, Mapping

from millrace.flow.checks.loops import ON
from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import DOORS, Edge, Graph, Node

_ORIGINS = (*DOORS, "changes")
"""The kinds of nodes whose events nothing has caused."""
_SAYS_AGAIN = (*_ORIGINS, "relay")


@check("hop-limit", weakness="endless loops")
def hop_limit(system: System) -> Iterator[Finding]:
    """A limit of hops does not agree with another one, or with the way that events have to go.

    A function puts aside what has more causes behind it than Bus(max_hops=…) allows, or allow_cycle(max_hops=…) of its
    own. Where a circle is allowed further than one of its functions goes, the circle ends there, in dead letters; and
    an event that comes by more functions than its consumer allows is never handled. Raise the limit of the bus, or
    allow the circle less.
    """
    graph = system.graph
    for node in graph.functions:
        if "allow_cycle" in node.facts:
            yield from _narrower(graph, node)
    fewest = _fewest_hops(graph)
    for node in _limited(graph.functions):
        for event in node.consumes:
            if fewest.get(event, 0) > node.facts["max_hops"]:
                yield _out_of_reach(node, graph[event], fewest[event])


def _narrower(graph: Graph, node: Node) -> Iterator[Finding]:
    """The functions of a circle that end it before the one that allows it would."""
    allowed = node.facts["allow_cycle"]["max_hops"]
    for other in _limited(graph.functions):
        most = other.facts["max_hops"]
        if most < allowed and other.id in _reached(graph, node.id) and node.id in _reached(graph, other.id):
            yield Finding.at(
                node,
                f"{node.name} allows a circle up to {allowed} hops, and {other.name}, which stands in it, puts aside "
                f"what has come by more than {most}.",
                f"Set Bus(max_hops={allowed}), or allow_cycle(max_hops=…) of {node.name} to {most} at most.",
            )


def _out_of_reach(node: Node, event: Node, hops: int) -> Finding:
    return Finding.at(
        node,
        f"{node.name} takes {event.name}, which has {hops} causes behind it at least, and puts aside what has more "
        f"than {node.facts['max_hops']}.",
        f"Set Bus(max_hops=…), or allow_cycle(max_hops=…) of {node.name} if it has one, to {hops} or more.",
    )


def _limited(functions: list[Node]) -> list[Node]:
    return [node for node in functions if "max_hops" in node.facts]


def _reached(graph: Graph, start: str) -> set[str]:
    """The nodes to which the events of one lead, itself only by a circle."""
    seen: set[str] = set()
    ahead = [start]
    while ahead:
        new = {edge.target for edge in graph.out(ahead.pop(), *ON)} - seen
        seen |= new
        ahead += new
    return seen


def _fewest_hops(graph: Graph) -> Mapping[str, int]:
    """How many causes an event has behind it at least, wherever it comes from; nearest first."""
    fewest: dict[str, int] = {}
    ahead = deque((node.id, 0) for node in graph.of(*_ORIGINS))
    while ahead:
        at, hops = ahead.popleft()
        if at in fewest:
            continue
        fewest[at] = hops
        for edge in graph.out(at, *ON):
            further = _is_cause(graph, edge)
            (ahead.append if further else ahead.appendleft)((edge.target, hops + further))
    return fewest


def _is_cause(graph: Graph, edge: Edge) -> bool:
    """Whether what goes along an edge has one more cause than what came: a relay says again what was appended."""
    return edge.kind == "appends" or (edge.kind == "publishes" and graph[edge.source].kind not in _SAYS_AGAIN)
