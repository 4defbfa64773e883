"""What stands in the local cloud: stacks, their resources and outputs; and how a deployment tells of itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from millrace.local.cloudformation.registry import Resource
from millrace.local.cloudformation.template import Entry, Template

Action = Literal["create", "update", "replace", "delete", "retain", "undo"]


@dataclass
class StackState:
    """One stack that stands. Its resources are in the order in which they were made.

    `parameters` are the values that were given for it, as they were given; `imports` the exports that it read.
    """

    name: str
    template: Template
    id: str
    parameters: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    exports: dict[str, Any] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)


@dataclass
class Deployment:
    """Everything that a loader keeps in the cloud, in the order in which it was made."""

    stacks: dict[str, StackState] = field(default_factory=dict)

    @property
    def exports(self) -> dict[str, Any]:
        """What all stacks export, by name."""
        return {name: value for state in self.stacks.values() for name, value in state.exports.items()}

    def importers(self, export: str) -> list[str]:
        """The names of the stacks that read an export."""
        return [state.name for state in self.stacks.values() if export in state.imports]


@dataclass(frozen=True)
class Standing:
    """What a stack's own resources, and the stacks before it, give to its functions; `imports` are the exports read."""

    resources: Mapping[str, Resource]
    exports: Mapping[str, Any]
    imports: set[str] = field(default_factory=set)

    def ref(self, logical_id: str) -> str:
        """What Ref gives."""
        return self.resources[logical_id].physical_id

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """What Fn::GetAtt gives."""
        return self.resources[logical_id].attributes[attribute]

    def imported(self, export: str) -> Any:
        """What another stack exports."""
        found = self.exports[export]
        self.imports.add(export)
        return found


@dataclass(frozen=True)
class Change:
    """One thing that a deployment did. `path` is the construct's; `seconds` how long it took."""

    action: Action
    stack: str
    logical_id: str
    type: str
    path: str
    physical_id: str
    seconds: float


class DeploymentFailed(RuntimeError):
    """A deployment that stopped at one resource, and was rolled back. The text names the resource and the cause."""

    def __init__(self, stack: str, cause: object, entry: Entry | None = None, path: str | None = None) -> None:
        named = f"{stack}.{entry.logical_id} ({entry.type}, {path})" if entry else stack
        super().__init__(f"{named}: {cause}")
        self.stack = stack
        self.logical_id = entry.logical_id if entry else None
        self.type = entry.type if entry else None
        self.path = path
        self.cause = cause
