"""Checks and their findings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from millrace.flow.assembly import Assembly, Resource, SourceLocation
from millrace.flow.graph import Graph, Node

Severity = Literal["error", "warning", "note"]
"""A note does not stop a synth."""
Weakness = Literal[
    "order", "large data", "tangled logic", "endless loops", "lost data", "fixed flows", "security", "upkeep"
]


@dataclass(frozen=True)
class System:
    """The input of a check: the assembly, its graph, and the project's folder."""

    assembly: Assembly
    graph: Graph
    root: Path

    def node_of(self, resource: Resource) -> Node | None:
        """The node of a resource, if it has one."""
        return self._nodes.get(resource.id)

    @cached_property
    def _nodes(self) -> dict[str, Node]:
        return {node.resource.id: node for node in self.graph.nodes.values() if node.resource}


@dataclass(frozen=True)
class Finding:
    """One problem. `subject` is the id of a node, or the path of a construct without a node.

    `steps` are the parts of a cycle in order, one line each.
    """

    subject: str
    message: str
    fix: str
    locations: tuple[SourceLocation, ...] = ()
    resources: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    check: str = ""

    @classmethod
    def at(cls, subject: Node | Resource, message: str, fix: str) -> "Finding":
        """A finding about a node, or about a resource without a node."""
        if isinstance(subject, Resource):
            return cls(subject.path, message, fix, (subject.location,) if subject.location else (), (subject.id,))
        resources = (subject.resource.id,) if subject.resource else ()
        return cls(subject.id, message, fix, tuple(subject.locations), resources)


Find = Callable[[System], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One weakness of event-driven systems. `about` describes why it matters and how to fix it."""

    id: str
    weakness: Weakness
    severity: Severity
    about: str
    find: Find

    @property
    def title(self) -> str:
        """The first line of `about`, without the full stop."""
        return self.about.partition("\n")[0].rstrip(".")


def check(id: str, *, weakness: Weakness, severity: Severity = "error") -> Callable[[Find], Check]:  # noqa: A002
    """Make a check of a function that yields findings. Its docstring is the text of `--explain`."""

    def made(find: Find) -> Check:
        text = "\n".join(line.strip() for line in (find.__doc__ or "").strip().splitlines())
        return Check(id, weakness, severity, text, find)

    return made
