"""The graph of a system: its parts, and the paths of events between them.

Kinds of nodes: `event`, `external` (a system outside the app that publishes), `sink` (a system outside the app that
receives), `bus`, `rule`, `schedule`, `queue`, `stream`, `topic`, `api`, `mediator` (a state machine), `dead-letters`,
`archive`, `store`, `other`; and the kinds of functions in their metadata, such as `processor`, `step` and `starter`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from millrace.events import Event
from millrace.flow.assembly import Resource, SourceLocation

INGRESS_KINDS = ("external", "ingress", "commands")
"""The kinds of nodes that publish external events."""

UNDECLARED_RULE = "undeclared"
"""The kind, in the template, of the rule that keeps events without a contract."""

EdgeKind = Literal[
    "publishes",  # a function or an external system, and an event
    "matches",  # an event, and a rule whose pattern matches it
    "delivers",  # a rule, and its target
    "feeds",  # a queue, a stream or a table, and the function that reads it
    "takes",  # an event, and a step that receives it from its mediator
    "starts",  # a function, and the state machine that it starts
    "invokes",  # a state machine or an API, and a function that it calls
    "answers",  # the ingress function for callbacks, and a step that waits
    "next",  # a step, and the one after it
    "caught",  # a step, and the one that runs when it fails
    "uses",  # a function, and a store
    "appends",  # a function, and an event store
    "fails-to",  # any node, and the queue that keeps its failures
    "archives",  # a bus, and its archive
    "carries",  # a bus, and a rule on it
]


@dataclass(frozen=True)
class Node:
    """One part of the system.

    `id` is the `source:detail-type` of an event, or the path of a construct. `location` is the source of the handler,
    the contract or the construct; `construct_location` is the construct of a handler. `event` is the contract of an
    event, if the project has one; `resource` is the resource in the template.
    """

    id: str
    kind: str
    name: str
    location: SourceLocation | None = None
    construct_location: SourceLocation | None = None
    event: type[Event] | None = field(default=None, repr=False, compare=False)
    resource: Resource | None = field(default=None, repr=False, compare=False)

    @property
    def locations(self) -> list[SourceLocation]:
        """All source locations of the node."""
        return [location for location in (self.location, self.construct_location) if location]

    @property
    def facts(self) -> Mapping[str, Any]:
        """Millrace's metadata of the resource."""
        return self.resource.facts if self.resource else {}

    @property
    def consumes(self) -> list[str]:
        """The events that a function's signature consumes."""
        return list(self.facts.get("declaration", {}).get("consumes", ()))

    @property
    def publishes(self) -> list[str]:
        """The events that a function's signature publishes."""
        return list(self.facts.get("declaration", {}).get("publishes", ()))

    @property
    def awaits(self) -> list[str]:
        """The external events that can answer a step's callback. The step publishes the answer."""
        return list(self.facts.get("awaits", ()))

    @property
    def appends(self) -> list[str]:
        """The events that a function can append to an event store."""
        return list(self.facts.get("appends", ()))


@dataclass(frozen=True)
class Edge:
    """An edge. `resources` are the ids of the resources that create it, empty for an edge from a contract.

    `label` is the condition of a conditional edge, such as "refused".
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

    def __getitem__(self, id: str) -> Node:  # noqa: A002
        return self.nodes[id]

    def of(self, *kinds: str) -> list[Node]:
        """The nodes of these kinds."""
        return [node for node in self.nodes.values() if node.kind in kinds]

    @cached_property
    def functions(self) -> list[Node]:
        """The nodes of Lambda functions."""
        return [n for n in self.nodes.values() if n.resource and n.resource.type == "AWS::Lambda::Function"]

    def out(self, id: str, *kinds: EdgeKind) -> list[Edge]:  # noqa: A002
        """The edges from a node, of all kinds or of these."""
        return [edge for edge in self._leaving.get(id, ()) if not kinds or edge.kind in kinds]

    def into(self, id: str, *kinds: EdgeKind) -> list[Edge]:  # noqa: A002
        """The edges to a node, of all kinds or of these."""
        return [edge for edge in self._reaching.get(id, ()) if not kinds or edge.kind in kinds]

    def consumers(self, event: str) -> list[Node]:
        """The functions whose signature consumes an event."""
        return [node for node in self.functions if event in node.consumes]

    def producers(self, event: str) -> list[Node]:
        """The functions and external systems that publish an event."""
        return [self[edge.source] for edge in self.into(event, "publishes")]

    def as_json(self) -> dict[str, Any]:
        """The graph as JSON."""
        return {
            "nodes": [
                {"id": n.id, "kind": n.kind, "name": n.name, "locations": [str(each) for each in n.locations]}
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
