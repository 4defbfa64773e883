"""Endless loops."""

from collections.abc import Iterator

from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import Edge, EdgeKind, Graph

ON: tuple[EdgeKind, ...] = ("publishes", "appends", "matches", "delivers", "feeds", "starts", "invokes")
"""The edges by which one event leads to the next."""


@check("cycle", weakness="endless loops")
def cycle(system: System) -> Iterator[Finding]:
    """Events cause one another in a circle.

    Each round costs what the one before it cost, and nothing ends it but a limit or a bill. Two ways from one event
    to another, a diamond, are no circle. Take one of the subscriptions or one of the events out; or, where the circle
    is meant and ends by what the events say, allow it for one function of it: allow_cycle(reason=…, max_hops=…).
    """
    seen: set[str] = set()
    for node in system.graph.nodes:
        loop = [] if node in seen else _loop(system.graph, node)
        if loop:
            seen.update(edge.source for edge in loop)
            yield _told(system.graph, loop)


def leads_back(graph: Graph, node: str) -> bool:
    """Whether a node stands in a circle, be that allowed or not."""
    return bool(_loop(graph, node, past_allowed=True))


def _loop(graph: Graph, start: str, *, past_allowed: bool = False) -> list[Edge]:
    """The shortest way from a node back to itself, breadth first; past no function that may close a circle."""
    ways: list[list[Edge]] = [[edge] for edge in _onward(graph, start, past_allowed)]
    seen: set[str] = set()
    for way in ways:
        at = way[-1].target
        if at == start:
            return way
        if at not in seen:
            seen.add(at)
            ways.extend([*way, edge] for edge in _onward(graph, at, past_allowed))
    return []


def _onward(graph: Graph, at: str, past_allowed: bool) -> list[Edge]:  # noqa: FBT001 - of two functions beside it
    return graph.out(at, *ON) if past_allowed or "allow_cycle" not in graph[at].facts else []


def _told(graph: Graph, loop: list[Edge]) -> Finding:
    first = next(i for i, edge in enumerate(loop) if graph[edge.source].kind == "event")
    loop = [*loop[first:], *loop[:first]]
    shown = [graph[edge.source] for edge in loop if graph[edge.source].kind in _SHOWN or edge.kind == "publishes"]
    path = " → ".join([*(node.name for node in shown), shown[0].name])
    functions = [graph[edge.source] for edge in loop if edge.kind == "publishes"]
    return Finding(
        subject=functions[0].id,
        message=f"The events go round: {path}.",
        mend=(
            f"Let one of {_or(node.name for node in functions)} take or publish one event less, or allow the loop "
            "where one of them is made: allow_cycle=allow_cycle(reason=…, max_hops=…)."
        ),
        places=tuple(dict.fromkeys(place for node in functions for place in node.places)),
        resources=tuple(dict.fromkeys(each for edge in loop for each in edge.resources)),
        steps=tuple(f"{node.name}  {', '.join(map(str, node.places))}".rstrip() for node in shown),
    )


_SHOWN = ("event", "mediator")


def _or(names: Iterator[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last
