"""What is deployed to one account and region, and the changes that a deployment reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from millrace.local.cloudformation.assembly import Stack
from millrace.local.cloudformation.registry import Resource
from millrace.local.cloudformation.template import ResourceDefinition, Template

Action = Literal["create", "update", "replace", "delete", "retain", "undo"]


@dataclass
class StackState:
    """One deployed stack. Its resources are in order of creation.

    `parameters` are the values as they were given; `imports` are the names of the exports that the stack reads.
    `parent` is the name of the stack in which it is nested.
    """

    name: str
    template: Template
    id: str
    parameters: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    exports: dict[str, Any] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    parent: str | None = None


@dataclass
class Deployment:
    """The deployed stacks, in order of creation."""

    stacks: dict[str, StackState] = field(default_factory=dict)

    @property
    def exports(self) -> dict[str, Any]:
        """The exports of all stacks, by name."""
        return {name: value for state in self.stacks.values() for name, value in state.exports.items()}

    def output(self, stack: str, name: str) -> Any:
        """Return an output of a stack. Raises KeyError."""
        return self.stacks[stack].outputs[name]

    def root(self, name: str) -> str:
        """Return the name of the stack that contains a nested stack, at any depth; the name itself if there is none."""
        state = self.stacks.get(name)
        return self.root(state.parent) if state and state.parent else name

    def nested(self, name: str) -> list[str]:
        """Return the names of the stacks that are nested in a stack, at any depth."""
        direct = [each.name for each in self.stacks.values() if each.parent == name]
        return [*direct, *(inner for each in direct for inner in self.nested(each))]

    def importers(self, export: str) -> list[str]:
        """Return the names of the stacks that read an export."""
        return [state.name for state in self.stacks.values() if export in state.imports]


@dataclass(frozen=True)
class DeployedValues:
    """The values that intrinsic functions of a stack can read. `imports` collects the exports that they do read.

    References to the logical ids in `skipped` get placeholders.
    """

    resources: Mapping[str, Resource]
    deployment: Deployment
    imports: set[str] = field(default_factory=set)
    skipped: frozenset[str] = frozenset()

    def ref(self, logical_id: str) -> str:
        """Return the value of Ref."""
        if logical_id in self.skipped:
            return f"skipped-{logical_id}"
        return self.resources[logical_id].physical_id

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """Return the value of Fn::GetAtt."""
        if logical_id in self.skipped:
            return f"skipped-{logical_id}.{attribute}"
        return self.resources[logical_id].attributes[attribute]

    def import_value(self, export: str) -> Any:
        """Return the value of another stack's export."""
        value = self.deployment.exports[export]
        self.imports.add(export)
        return value

    def stack_output(self, stack: str, name: str) -> Any:
        """Return an output of another stack."""
        return self.deployment.output(stack, name)


@dataclass(frozen=True)
class Change:
    """One change to a resource. `path` is the construct's path."""

    action: Action
    stack: str
    logical_id: str
    type: str
    path: str
    physical_id: str
    seconds: float


class DeploymentError(RuntimeError):
    """A failed deployment, which was rolled back. `cause` is the error of the resource."""

    logical_id: str | None = None
    type: str | None = None
    path: str | None = None

    def __init__(self, stack: Stack | StackState, cause: object, definition: ResourceDefinition | None = None) -> None:
        self.stack = stack.name
        self.cause = cause
        subject = stack.name
        if definition:
            self.logical_id, self.type = definition.logical_id, definition.type
            self.path = stack.template.construct_path(definition.logical_id)
            subject = f"{stack.name}.{self.logical_id} ({self.type}, {self.path})"
        super().__init__(f"{subject}: {cause}")
