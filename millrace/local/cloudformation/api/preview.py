"""The changes of a change set, computed without changing anything.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-view.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace.local.cloudformation.deployment import DeployedValues, Deployment
from millrace.local.cloudformation.intrinsics import PseudoParameters, Resolver
from millrace.local.cloudformation.registry import IGNORED, Resource, resource_type
from millrace.local.cloudformation.template import ResourceDefinition, Template, TemplateError

KNOWN_AFTER_APPLY = "{{changeSet:KNOWN_AFTER_APPLY}}"
_ATTRIBUTES = ("Metadata", "DeletionPolicy", "UpdateReplacePolicy")


@dataclass(frozen=True)
class _PlannedValues(DeployedValues):
    """The values after the change set. Those of `new` resources are not known yet."""

    new: set[str] = field(default_factory=set)

    def ref(self, logical_id: str) -> str:
        """Return the value of Ref."""
        return KNOWN_AFTER_APPLY if logical_id in self.new else super().ref(logical_id)

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """Return the value of Fn::GetAtt."""
        return KNOWN_AFTER_APPLY if logical_id in self.new else super().attribute(logical_id, attribute)


class Preview:
    """The changes from a stack's deployed state to a template with parameters."""

    def __init__(
        self, deployment: Deployment, pseudo: PseudoParameters, template: Template, parameters: Mapping[str, Any]
    ) -> None:
        state = deployment.stacks.get(pseudo.stack)
        self._old_template = state.template if state else None
        self._old = state.resources if state else {}
        self._values = _PlannedValues(self._old, deployment)
        self._template = template
        self._resolver = Resolver(template, pseudo, self._values, parameters)

    def changes(self) -> list[dict[str, Any]]:
        """Return the Changes of DescribeChangeSet. Raises CircularDependencyError."""
        return [{"Type": "Resource", "ResourceChange": change} for change in self._changes()]

    def _changes(self) -> Iterator[dict[str, Any]]:
        included = [each for each in self._template.resources.values() if self._resolver.is_included(each)]
        for definition in self._template.in_dependency_order(each for each in included if each.type not in IGNORED):
            if change := self._change(definition):
                yield change
        for logical_id in sorted(self._old.keys() - {definition.logical_id for definition in included}):
            yield _resource_change("Remove", self._old[logical_id])
        yield from self._ignored_changes()

    def _ignored_changes(self) -> Iterator[dict[str, Any]]:
        """Yield the changes of CDK's metadata resource, which is never created."""
        for logical_id, definition in self._template.resources.items() if self._old_template else ():
            old = self._old_template.resources.get(logical_id) if self._old_template else None
            if definition.type in IGNORED and (old is None or old.properties != definition.properties):
                action = "Modify" if old else "Add"
                yield {"Action": action, "LogicalResourceId": logical_id, "ResourceType": definition.type}

    def _change(self, definition: ResourceDefinition) -> dict[str, Any] | None:
        old = self._old.get(definition.logical_id)
        if old is None:
            self._values.new.add(definition.logical_id)
            return {
                "Action": "Add",
                "LogicalResourceId": definition.logical_id,
                "ResourceType": definition.type,
                "AfterContext": _context(self._properties(definition)),
            }
        if old.type != definition.type:
            self._values.new.add(definition.logical_id)
            return _resource_change("Modify", old, Replacement="True", Scope=["Properties"])
        properties = self._properties(definition)
        if properties != old.properties:
            return self._property_changes(old, properties)
        scope = self._changed_attributes(definition.logical_id)
        return _resource_change("Modify", old, Replacement="False", Scope=scope) if scope else None

    def _property_changes(self, old: Resource, properties: dict[str, Any]) -> dict[str, Any]:
        declared = resource_type(old.type, old.logical_id)
        replaced = declared.requires_replacement(old.properties, properties)
        if replaced:
            self._values.new.add(old.logical_id)
        names = sorted({**old.properties, **properties})
        changed = [name for name in names if old.properties.get(name) != properties.get(name)]
        return _resource_change(
            "Modify",
            old,
            Replacement="True" if replaced else "False",
            Scope=["Properties"],
            Details=[_detail(name, recreates=replaced and name in declared.immutable) for name in changed],
            BeforeContext=_context(old.properties),
            AfterContext=_context(properties),
        )

    def _properties(self, definition: ResourceDefinition) -> dict[str, Any]:
        try:
            return self._resolver.properties(definition)
        except TemplateError:  # such as Fn::Select from a value that is known only after the change
            return dict.fromkeys(definition.properties, KNOWN_AFTER_APPLY)

    def _changed_attributes(self, logical_id: str) -> list[str]:
        templates = (self._old_template or self._template, self._template)
        old, new = (template.body["Resources"].get(logical_id, {}) for template in templates)
        return [name for name in _ATTRIBUTES if old.get(name) != new.get(name)]


def _context(properties: Mapping[str, Any]) -> str:
    return json.dumps({"Properties": properties}, default=str)


def _detail(name: str, *, recreates: bool) -> dict[str, Any]:
    recreation = "Always" if recreates else "Never"
    return {
        "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation},
        "Evaluation": "Static",
        "ChangeSource": "DirectModification",
    }


def _resource_change(action: str, resource: Resource, **more: Any) -> dict[str, Any]:
    return {
        "Action": action,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.type,
        **more,
    }
