"""CloudFormation templates: their resources, and the references between them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

from millrace.local.cloudformation.openapi_bodies import expand_bodies

SUB_VARIABLE = re.compile(r"\$\{([^!][^}]*)\}")
_SECTIONS = {
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
}
_ATTRIBUTES = {
    "Type",
    "Properties",
    "DependsOn",
    "Condition",
    "Metadata",
    "DeletionPolicy",
    "UpdateReplacePolicy",
    "UpdatePolicy",
    "CreationPolicy",
}


class TemplateError(ValueError):
    """An invalid or unsupported part of a template."""


class CircularDependencyError(TemplateError):
    """Resources or stacks that depend on each other."""


@dataclass(frozen=True)
class ResourceDefinition:
    """One member of a template's Resources, its intrinsic functions not resolved."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]
    condition: str | None
    deletion_policy: str
    update_replace_policy: str

    @classmethod
    def parse(cls, logical_id: str, body: Mapping[str, Any]) -> "ResourceDefinition":
        """Parse a resource. Raises TemplateError for an unsupported attribute."""
        if unknown := sorted(body.keys() - _ATTRIBUTES):
            raise TemplateError(f"Resources.{logical_id}: the attribute {unknown[0]} is not supported. Remove it.")
        depends_on = body.get("DependsOn", ())
        return cls(
            logical_id,
            body["Type"],
            body.get("Properties", {}),
            (depends_on,) if isinstance(depends_on, str) else tuple(depends_on),
            body.get("Condition"),
            body.get("DeletionPolicy", "Delete"),
            body.get("UpdateReplacePolicy", "Delete"),
        )

    @property
    def location(self) -> str:
        """The path of its properties in the template, for error messages."""
        return f"Resources.{self.logical_id}.Properties"


@dataclass(frozen=True)
class Reference:
    """A Ref or, with an `attribute`, an Fn::GetAtt to a resource. `location` is its path in the template."""

    logical_id: str
    attribute: str | None
    location: str


class Template:
    """One template. Raises TemplateError for an unsupported section or rule.

    `construct_paths` returns the construct paths by logical id, for a template without `aws:cdk:path` metadata.
    """

    def __init__(self, body: Mapping[str, Any], construct_paths: Callable[[], Mapping[str, str]] = dict) -> None:
        if unknown := sorted(body.keys() - _SECTIONS):
            raise TemplateError(f"The template section {unknown[0]} is not supported: {body[unknown[0]]!r}")
        if rules := sorted(body.get("Rules", {}).keys() - {"CheckBootstrapVersion"}):
            raise TemplateError(f"Rules.{rules[0]} is not supported. Remove the rule.")
        try:
            expand_bodies(body.get("Resources", {}))
        except ValueError as error:
            raise TemplateError(str(error)) from error
        self.body = body
        self.construct_paths = construct_paths
        resources = body.get("Resources", {})
        self.resources = {name: ResourceDefinition.parse(name, resource) for name, resource in resources.items()}

    @cached_property
    def parameters(self) -> dict[str, Mapping[str, Any]]:
        """The parameters except CDK's BootstrapVersion, which no resource refers to."""
        parameters = self.body.get("Parameters", {})
        return {name: body for name, body in parameters.items() if name != "BootstrapVersion"}

    def construct_path(self, logical_id: str) -> str:
        """Return the path of a resource's construct; its logical id if the path is unknown."""
        path = self.body["Resources"][logical_id].get("Metadata", {}).get("aws:cdk:path")
        return path or self.construct_paths().get(logical_id) or logical_id

    def skipped(self, skip: Iterable[str]) -> frozenset[str]:
        """Return the logical ids of the resources of a type or within a construct path in `skip`."""
        types = {each for each in skip if "::" in each}
        paths = tuple(f"{each.strip('/')}/" for each in skip if "::" not in each)
        found = {name for name, each in self.resources.items() if each.type in types}
        if paths:
            found |= {name for name in self.resources if f"{self.construct_path(name)}/".startswith(paths)}
        return frozenset(found)

    @cached_property
    def outputs(self) -> dict[str, Mapping[str, Any]]:
        """The outputs, not resolved."""
        outputs: dict[str, Mapping[str, Any]] = self.body.get("Outputs", {})
        return outputs

    def references(self, value: Any, location: str) -> Iterator[Reference]:
        """Yield every reference to a resource within a value."""
        if isinstance(value, list):
            for index, member in enumerate(value):
                yield from self.references(member, f"{location}[{index}]")
        elif isinstance(value, dict):
            for key, member in value.items():
                yield from self._references_of_key(key, member, f"{location}.{key}")

    def _references_of_key(self, key: str, value: Any, location: str) -> Iterator[Reference]:
        if key == "Fn::GetAtt":
            yield Reference(*parse_get_att(value, location), location)
        elif key == "Ref" and isinstance(value, str):
            yield from self._reference(value, location)
        else:
            if key == "Fn::Sub":
                yield from self._references_of_sub(value, location)
            yield from self.references(value, location)

    def _references_of_sub(self, value: Any, location: str) -> Iterator[Reference]:
        text, variables = value if isinstance(value, list) else (value, {})
        for name in SUB_VARIABLE.findall(text):
            if name not in variables:
                yield from self._reference(name, location)

    def _reference(self, name: str, location: str) -> Iterator[Reference]:
        logical_id, _, attribute = name.partition(".")
        if logical_id in self.resources:
            yield Reference(logical_id, attribute or None, location)

    def in_dependency_order(self, definitions: Iterable[ResourceDefinition]) -> list[ResourceDefinition]:
        """Return resources, each after its dependencies. Raises CircularDependencyError."""
        by_id = {definition.logical_id: definition for definition in definitions}
        graph = {name: sorted(self.dependencies(each) & by_id.keys()) for name, each in by_id.items()}
        try:
            return [by_id[name] for name in TopologicalSorter(graph).static_order()]
        except CycleError as error:
            cycle = " → ".join(reversed(error.args[1]))
            raise CircularDependencyError(f"Circular dependency between resources: {cycle}.") from None

    def dependencies(self, definition: ResourceDefinition) -> set[str]:
        """Return the logical ids that a resource depends on, by reference or by DependsOn."""
        references = self.references(definition.properties, definition.location)
        return {reference.logical_id for reference in references} | set(definition.depends_on)


def parse_get_att(value: Any, location: str) -> tuple[str, str]:
    """Return the logical id and attribute of an Fn::GetAtt, in either form. Raises TemplateError."""
    match value.split(".", 1) if isinstance(value, str) else value:
        case [str(logical_id), str(attribute)]:
            return logical_id, attribute
    raise TemplateError(f"{location}: Fn::GetAtt takes a logical id and an attribute, not {value!r}.")
