"""The graph of a system: what there is, and how events go through it.

Kinds of nodes: `event`, `external` (a system that publishes from outside the app), `sink` (one that is told outside),
`bus`, `rule`, `schedule`, `queue`, `stream`, `topic`, `api`, `mediator` (a state machine), `dead-letters`, `archive`,
`store`, `other`; and each kind of function: `processor`, `step`, `starter`, whatever a function's metadata calls it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from millrace.events import Event
from millrace.flow.assembly import Place, Resource

DOORS = ("external", "door", "commands")
"""The kinds of nodes by which events come in from outside."""

KEEPS_UNDECLARED = "undeclared"
"""What the rule of a bus is called in the template that keeps what no contract describes."""

EdgeKind = Literal[
    "publishes",  # a function or an outside system says an event
    "matches",  # an event, and a rule whose pattern takes it
    "delivers",  # a rule, and its target
    "feeds",  # a queue, a stream or a table, and the function that reads it
    "takes",  # an event, and a step that is handed it by its mediator
    "starts",  # a function, and the state machine that it starts
    "invokes",  # a state machine or an API, and a function that it calls
    "answers",  # the function of a door, and a step whose wait it ends
    "next",  # a step, and the one after it
    "caught",  # a step, and the one that runs when it fails
    "uses",  # a function, and a store that it is given
    "appends",  # a function, and the event store to which it appends what its relay publishes
    "fails-to",  # whatever fails, and the queue that keeps what it could not do
    "archives",  # a bus, and its archive
    "carries",  # a bus, and a rule on it
]


@dataclass(frozen=True)
class Node:
    """One part of the system.

    `id` is an event's `source:detail-type`, else the path of a construct. `place` is where the user wrote it, `made`
    where a construct gives a function its place in the flow. `event` is the contract of an event that the project
    knows, `resource` what stands for the node in the template.
    """

    id: str
    kind: str
    name: str
    place: Place | None = None
    made: Place | None = None
    event: type[Event] | None = field(default=None, repr=False, compare=False)
    resource: Resource | None = field(default=None, repr=False, compare=False)

    @property
    def places(self) -> list[Place]:
        """Every line that makes it what it is."""
        return [place for place in (self.place, self.made) if place]

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the metadata of its resource says."""
        return self.resource.facts if self.resource else {}

    @property
    def consumes(self) -> list[str]:
        """The events that a function's signature takes."""
        return list(self.facts.get("declaration", {}).get("consumes", ()))

    @property
    def publishes(self) -> list[str]:
        """The events that a function's signature says it publishes."""
        return list(self.facts.get("declaration", {}).get("publishes", ()))

    @property
    def awaits(self) -> list[str]:
        """The events of outside by which a step can be answered; it publishes what comes of them."""
        return list(self.facts.get("awaits", ()))

    @property
    def appends(self) -> list[str]:
        """The events that a function may append to an event store."""
        return list(self.facts.get("appends", ()))


@dataclass(frozen=True)
class Edge:
    """One arrow. `resources` are the ids of those in the template that make it; a contract alone makes none.

    `label` says when, where that is not always: "refused".
    """

    source: str
    target: str
    kind: EdgeKind
    resources: tuple[str, ...] = ()
    label: str = ""


class Graph:
    """Nodes by id, and edges in the order of the template."""

    def __init__(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        self.nodes = {node.id: node for node in nodes}
        self.edges = tuple(dict.fromkeys(edges))

    def __getitem__(self, id: str) -> Node:  # noqa: A002 - what a node calls it
        return self.nodes[id]

    def of(self, *kinds: str) -> list[Node]:
        """The nodes of some kinds."""
        return [node for node in self.nodes.values() if node.kind in kinds]

    @cached_property
    def functions(self) -> list[Node]:
        """The nodes that run a user's or the kit's code."""
        return [n for n in self.nodes.values() if n.resource and n.resource.type == "AWS::Lambda::Function"]

    def out(self, id: str, *kinds: EdgeKind) -> list[Edge]:  # noqa: A002
        """The edges that leave a node, of all kinds or of some."""
        return [edge for edge in self._leaving.get(id, ()) if not kinds or edge.kind in kinds]

    def into(self, id: str, *kinds: EdgeKind) -> list[Edge]:  # noqa: A002
        """The edges that reach a node, of all kinds or of some."""
        return [edge for edge in self._reaching.get(id, ()) if not kinds or edge.kind in kinds]

    def consumers(self, event: str) -> list[Node]:
        """The functions that declare to take an event."""
        return [node for node in self.functions if event in node.consumes]

    def producers(self, event: str) -> list[Node]:
        """The functions and the outside systems that publish an event."""
        return [self[edge.source] for edge in self.into(event, "publishes")]

    def as_json(self) -> dict[str, Any]:
        """The graph for a machine."""
        return {
            "nodes": [
                {"id": n.id, "kind": n.kind, "name": n.name, "places": [str(place) for place in n.places]}
                for n in self.nodes.values()
            ],
            "edges": [
                {"source": e.source, "target": e.target, "kind": e.kind, "resources": e.resources, "label": e.label}
                for e in self.edges
            ],
        }

    @cached_property
    def _leaving(self) -> dict[str, list[Edge]]:
        return _grouped((edge.source, edge) for edge in self.edges)

    @cached_property
    def _reaching(self) -> dict[str, list[Edge]]:
        return _grouped((edge.target, edge) for edge in self.edges)


def _grouped(pairs: Iterable[tuple[str, Edge]]) -> dict[str, list[Edge]]:
    found: dict[str, list[Edge]] = {}
    for key, edge in pairs:
        found.setdefault(key, []).append(edge)
    return found
