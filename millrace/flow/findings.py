"""What a check finds, and what a check is."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from millrace.flow.assembly import Assembly, Place, Resource
from millrace.flow.graph import Graph, Node

Severity = Literal["error", "warning"]
Weakness = Literal[
    "order", "large data", "tangled logic", "endless loops", "lost data", "fixed flows", "security", "upkeep"
]


@dataclass(frozen=True)
class System:
    """What the checks look at."""

    assembly: Assembly
    graph: Graph
    root: Path

    def node_of(self, resource: Resource) -> Node | None:
        """The node that a resource stands for, if it stands for one."""
        return self._nodes.get(resource.id)

    @cached_property
    def _nodes(self) -> dict[str, Node]:
        return {node.resource.id: node for node in self.graph.nodes.values() if node.resource}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `subject` is the node's id, or the path of a construct that is no node.

    `steps` is the way that a loop takes, a line for each of its parts.
    """

    subject: str
    message: str
    mend: str
    places: tuple[Place, ...] = ()
    resources: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    check: str = ""

    @classmethod
    def at(cls, subject: Node | Resource, message: str, mend: str) -> "Finding":
        """A finding in one node, or in a resource that is none."""
        if isinstance(subject, Resource):
            return cls(subject.path, message, mend, _placed(subject.place), (subject.id,))
        resources = (subject.resource.id,) if subject.resource else ()
        return cls(subject.id, message, mend, tuple(subject.places), resources)


def _placed(place: Place | None) -> tuple[Place, ...]:
    return (place,) if place else ()


Find = Callable[[System], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One weakness of event-driven systems, and how it shows. `about` says why it matters and what mends it."""

    id: str
    weakness: Weakness
    severity: Severity
    about: str
    find: Find

    @property
    def title(self) -> str:
        """What is wrong, in a line."""
        return self.about.partition("\n")[0].rstrip(".")


def check(id: str, *, weakness: Weakness, severity: Severity = "error") -> Callable[[Find], Check]:  # noqa: A002
    """Make a check of a function that yields findings; its docstring is what `--explain` tells."""

    def made(find: Find) -> Check:
        text = "\n".join(line.strip() for line in (find.__doc__ or "").strip().splitlines())
        return Check(id, weakness, severity, text, find)

    return made
