"""A CloudFormation template: its resources, the order they need, and its intrinsic functions resolved.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any

SUB = re.compile(r"\$\{([^!][^}]*)\}")
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
_ENTRY = {"Type", "Properties", "DependsOn", "Condition", "Metadata", "DeletionPolicy", "UpdateReplacePolicy"}


class TemplateError(ValueError):
    """A template that cannot be read as it stands. The text names the place."""


class CircularDependency(TemplateError):
    """Resources that wait for each other."""


@dataclass(frozen=True)
class Entry:
    """One resource as the template writes it, nothing resolved."""

    logical_id: str
    type: str
    properties: Mapping[str, Any]
    depends_on: tuple[str, ...]
    condition: str | None
    deletion_policy: str
    replace_policy: str

    @classmethod
    def read(cls, logical_id: str, body: Mapping[str, Any]) -> "Entry":
        """Read one member of a template's Resources. Raises TemplateError for what would be dropped."""
        if unknown := sorted(body.keys() - _ENTRY):
            raise TemplateError(f"Resources.{logical_id}.{unknown[0]} is not known here.")
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
    def place(self) -> str:
        """Where its properties stand."""
        return f"Resources.{self.logical_id}.Properties"


@dataclass(frozen=True)
class Reference:
    """A mention of a resource: Ref where `attribute` is None, else Fn::GetAtt. `place` is where it stands."""

    logical_id: str
    attribute: str | None
    place: str


class Template:
    """The sections of one template. Raises TemplateError for a section or a macro that is not known here.

    `paths` gives the constructs' paths by logical id, where the template itself does not hold them.
    """

    def __init__(self, body: Mapping[str, Any], paths: Callable[[], Mapping[str, str]] = dict) -> None:
        if unknown := sorted(body.keys() - _SECTIONS):
            raise TemplateError(f"The section {unknown[0]} is not known here: {body[unknown[0]]!r}")
        if rules := sorted(body.get("Rules", {}).keys() - {"CheckBootstrapVersion"}):
            raise TemplateError(f"Rules.{rules[0]} is not checked here.")
        self.body = body
        self._paths = paths
        self.entries = {name: Entry.read(name, entry) for name, entry in body.get("Resources", {}).items()}

    @cached_property
    def parameters(self) -> dict[str, Mapping[str, Any]]:
        """The parameters but CDK's BootstrapVersion, which nothing refers to."""
        given = self.body.get("Parameters", {})
        return {name: body for name, body in given.items() if name != "BootstrapVersion"}

    def path(self, logical_id: str) -> str:
        """The path of the construct that a resource comes from; its logical id where that is not known."""
        own = self.body["Resources"][logical_id].get("Metadata", {}).get("aws:cdk:path")
        return own or self._paths().get(logical_id) or logical_id

    @cached_property
    def outputs(self) -> dict[str, Mapping[str, Any]]:
        """The outputs, nothing resolved."""
        found: dict[str, Mapping[str, Any]] = self.body.get("Outputs", {})
        return found

    def references(self, value: Any, place: str) -> Iterator[Reference]:
        """Every mention of a resource within a value."""
        if isinstance(value, list):
            for index, each in enumerate(value):
                yield from self.references(each, f"{place}[{index}]")
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from self._of(key, inner, f"{place}.{key}")

    def _of(self, key: str, value: Any, place: str) -> Iterator[Reference]:
        if key == "Fn::GetAtt":
            yield Reference(*get_att(value, place), place)
        elif key == "Ref" and isinstance(value, str):
            yield from self._named(value, place)
        else:
            if key == "Fn::Sub":
                yield from self._substituted(value, place)
            yield from self.references(value, place)

    def _substituted(self, value: Any, place: str) -> Iterator[Reference]:
        text, own = value if isinstance(value, list) else (value, {})
        for name in SUB.findall(text):
            if name not in own:
                yield from self._named(name, place)

    def _named(self, name: str, place: str) -> Iterator[Reference]:
        logical_id, _, attribute = name.partition(".")
        if logical_id in self.entries:
            yield Reference(logical_id, attribute or None, place)

    def order(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries, each after those it depends on. Raises CircularDependency, which names the circle."""
        chosen = {entry.logical_id: entry for entry in entries}
        needs = {name: sorted(self.needs(entry) & chosen.keys()) for name, entry in chosen.items()}
        try:
            return [chosen[name] for name in TopologicalSorter(needs).static_order()]
        except CycleError as error:
            circle = " → ".join(reversed(error.args[1]))
            raise CircularDependency(f"These resources wait for each other: {circle}.") from None

    def needs(self, entry: Entry) -> set[str]:
        """The logical ids that an entry depends on, by reference or by DependsOn."""
        return {each.logical_id for each in self.references(entry.properties, entry.place)} | set(entry.depends_on)


def get_att(value: Any, place: str) -> tuple[str, str]:
    """The logical id and the attribute of Fn::GetAtt, in either form. Raises TemplateError."""
    match value.split(".", 1) if isinstance(value, str) else value:
        case [str(logical_id), str(attribute)]:
            return logical_id, attribute
    raise TemplateError(f"{place}: Fn::GetAtt takes a logical id and an attribute, not {value!r}.")
