"""What a change set would do, worked out from what stands, without a call that changes anything.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-view.html
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from millrace.local.cloudformation.deployment import Deployment, StackState
from millrace.local.cloudformation.intrinsics import Pseudo, Resolver
from millrace.local.cloudformation.registry import IGNORED, Resource, resource_type
from millrace.local.cloudformation.template import Entry, Template, TemplateError

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
_BESIDE = ("Metadata", "DeletionPolicy", "UpdateReplacePolicy")


@dataclass
class _Foreseen:
    """What the stack gives once the change set has been executed, as far as that is known now."""

    resources: Mapping[str, Resource]
    exports: Mapping[str, Any]
    new: set[str] = field(default_factory=set)

    def ref(self, logical_id: str) -> str:
        """What Ref will give."""
        return UNKNOWN if logical_id in self.new else self.resources[logical_id].physical_id

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """What Fn::GetAtt will give."""
        return UNKNOWN if logical_id in self.new else self.resources[logical_id].attributes[attribute]

    def imported(self, export: str) -> Any:
        """What another stack exports."""
        return self.exports[export]


class Preview:
    """The changes that a template with its parameters would bring to one stack."""

    def __init__(
        self, deployment: Deployment, pseudo: Pseudo, template: Template, parameters: Mapping[str, Any]
    ) -> None:
        self._state: StackState | None = deployment.stacks.get(pseudo.stack)
        self._old = self._state.resources if self._state else {}
        self._foreseen = _Foreseen(self._old, deployment.exports)
        self._template = template
        self._resolver = Resolver(template, pseudo, self._foreseen, parameters)

    def changes(self) -> list[dict[str, Any]]:
        """The members of DescribeChangeSet's Changes. Raises TemplateError for a circle of resources."""
        return [{"Type": "Resource", "ResourceChange": each} for each in self._changes()]

    def _changes(self) -> Iterator[dict[str, Any]]:
        entries = [each for each in self._template.entries.values() if self._resolver.stands(each)]
        for entry in self._template.order(entry for entry in entries if entry.type not in IGNORED):
            if change := self._change(entry):
                yield change
        for logical_id in sorted(self._old.keys() - {entry.logical_id for entry in entries}):
            yield _told("Remove", self._old[logical_id])
        yield from self._ignored()

    def _ignored(self) -> Iterator[dict[str, Any]]:
        """CDK's own metadata, of which nothing is made."""
        had = self._state.template.entries if self._state else {}
        for logical_id, entry in self._template.entries.items():
            known = had.get(logical_id)
            if entry.type in IGNORED and self._state and (known is None or known.properties != entry.properties):
                action = "Modify" if known else "Add"
                yield {"Action": action, "LogicalResourceId": logical_id, "ResourceType": entry.type}

    def _change(self, entry: Entry) -> dict[str, Any] | None:
        old = self._old.get(entry.logical_id)
        if old is None:
            self._foreseen.new.add(entry.logical_id)
            return {
                "Action": "Add",
                "LogicalResourceId": entry.logical_id,
                "ResourceType": entry.type,
                "AfterContext": _context(self._resolved(entry)),
            }
        if old.type != entry.type:
            self._foreseen.new.add(entry.logical_id)
            return _told("Modify", old, Replacement="True", Scope=["Properties"])
        now = self._resolved(entry)
        if now != old.properties:
            return self._modified(entry, old, now)
        beside = self._beside(entry.logical_id)
        return _told("Modify", old, Replacement="False", Scope=beside) if beside else None

    def _modified(self, entry: Entry, old: Resource, now: dict[str, Any]) -> dict[str, Any]:
        declared = resource_type(entry.type, entry.logical_id)
        replaced = declared.replaces(old.properties, now)
        if replaced:
            self._foreseen.new.add(entry.logical_id)
        names = sorted(name for name in {**old.properties, **now} if old.properties.get(name) != now.get(name))
        return _told(
            "Modify",
            old,
            Replacement="True" if replaced else "False",
            Scope=["Properties"],
            Details=[_detail(name, always=replaced and name in declared.immutable) for name in names],
            BeforeContext=_context(old.properties),
            AfterContext=_context(now),
        )

    def _resolved(self, entry: Entry) -> dict[str, Any]:
        try:
            return self._resolver.properties(entry)
        except TemplateError:  # as Fn::Select from what is known after the change only
            return dict.fromkeys(entry.properties, UNKNOWN)

    def _beside(self, logical_id: str) -> list[str]:
        had, has = (template.body["Resources"].get(logical_id, {}) for template in self._templates())
        return [name for name in _BESIDE if had.get(name) != has.get(name)]

    def _templates(self) -> tuple[Template, Template]:
        return (self._state.template if self._state else self._template), self._template


def _context(properties: Mapping[str, Any]) -> str:
    return json.dumps({"Properties": properties}, default=str)


def _detail(name: str, *, always: bool) -> dict[str, Any]:
    recreation = "Always" if always else "Never"
    return {
        "Target": {"Attribute": "Properties", "Name": name, "RequiresRecreation": recreation},
        "Evaluation": "Static",
        "ChangeSource": "DirectModification",
    }


def _told(action: str, resource: Resource, **more: Any) -> dict[str, Any]:
    return {
        "Action": action,
        "LogicalResourceId": resource.logical_id,
        "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.type,
        **more,
    }
