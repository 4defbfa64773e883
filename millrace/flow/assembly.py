"""A synthesised assembly as the graph reads it: each resource, the line that made it, and what it refers to."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

PLACE = "millrace:place"
"""The type of the note, in the assembly's metadata, that says which line of the project made a construct."""
SUB = re.compile(r"\$\{([^!.}]+)(?:\.[^}]*)?\}")


class InvalidAssemblyError(ValueError):
    """A folder that holds no cloud assembly."""


@dataclass(frozen=True, order=True)
class Place:
    """A line of the project; the file is named from the project's folder."""

    file: str
    line: int

    @classmethod
    def parse(cls, text: str) -> "Place":
        """Read what `str` writes."""
        file, _, line = text.rpartition(":")
        return cls(file, int(line))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Resource:
    """One resource. `id` is unique in the assembly, `path` is its construct's; `place` the line that made that."""

    stack: str
    logical_id: str
    type: str
    path: str
    place: Place | None
    properties: Mapping[str, Any] = field(repr=False, compare=False)
    facts: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        """The stack's name and the logical id."""
        return f"{self.stack}.{self.logical_id}"


class Assembly:
    """All resources of a folder, as `cdk.out`, of every stack and stage."""

    def __init__(self, folder: Path) -> None:
        self._templates: dict[str, Mapping[str, Any]] = {}
        self._resources: dict[str, Resource] = {}
        self._notes: dict[str, list[Mapping[str, Any]]] = {}
        for stack, template, notes in _stacks(folder):
            self._templates[stack] = template
            self._notes |= notes
            for resource in _resources(stack, template, notes):
                self._resources[resource.id] = resource

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def __getitem__(self, id: str) -> Resource:  # noqa: A002 - what a resource calls it
        return self._resources[id]

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return id in self._resources

    def noted(self, kind: str) -> list[tuple[str, Any]]:
        """The notes of one type that constructs were given, with the constructs' paths."""
        return [(path.strip("/"), note["data"]) for path, note in _noted(self._notes, kind)]

    def place_of(self, path: str) -> Place | None:
        """The line of the project that made a construct, or the one around it."""
        return _nearest(path, _places(self._notes))

    def of(self, *types: str) -> list[Resource]:
        """The resources of some types: `of("SQS::Queue")`."""
        return [each for each in self if each.type.removeprefix("AWS::") in types]

    def named(self, value: Any, near: Resource) -> Resource | None:
        """The resource that a property of `near` names, by a reference or by its own name; None if it is not here.

        For an alias or a version of a function, the function.
        """
        if isinstance(value, str):
            return self._by_name.get(value.rpartition("/")[2].rpartition(":")[2])
        found = next(self.mentions(value, near), None)
        qualified = found is not None and found.type in ("AWS::Lambda::Alias", "AWS::Lambda::Version")
        return self.named(found.properties["FunctionName"], found) if found and qualified else found

    def policies_of(self, role: Resource) -> list[Resource]:
        """The policies that the template attaches to a role."""
        return self._policies.get(role.id, [])

    @cached_property
    def _policies(self) -> dict[str, list[Resource]]:
        found: dict[str, list[Resource]] = {}
        for policy in self.of("IAM::Policy", "IAM::ManagedPolicy"):
            for role in self.mentions(policy.properties.get("Roles", ()), policy):
                found.setdefault(role.id, []).append(policy)
        return found

    def mentions(self, value: Any, near: Resource) -> Iterator[Resource]:
        """Every resource that a value refers to, in this stack or, by an output, in another."""
        yield from self._mentions(value, near.stack)

    def _mentions(self, value: Any, stack: str) -> Iterator[Resource]:
        if isinstance(value, list):
            for each in value:
                yield from self._mentions(each, stack)
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from self._mentioned(key, inner, stack)

    def _mentioned(self, key: str, value: Any, stack: str) -> Iterator[Resource]:
        match key, value:
            case (("Ref" | "Fn::GetAtt"), str(name)):
                names = [name.split(".")[0]]
            case "Fn::GetAtt", [str(name), *_]:
                names = [name]
            case "Fn::Sub", str(text) | [str(text), *_]:
                names = SUB.findall(text)
            case "Fn::ImportValue", str(name):
                yield from self._exported.get(name, ())
                return
            case "Fn::GetStackOutput", {"StackName": str(other), "OutputName": str(name)}:
                output = self._templates.get(other, {}).get("Outputs", {}).get(name, {})
                yield from self._mentions(output.get("Value"), other)
                return
            case _:
                names = []
        yield from (self[f"{stack}.{name}"] for name in names if f"{stack}.{name}" in self)
        yield from self._mentions(value, stack)

    @cached_property
    def _exported(self) -> dict[str, list[Resource]]:
        return {
            output["Export"]["Name"]: list(self._mentions(output["Value"], stack))
            for stack, template in self._templates.items()
            for output in template.get("Outputs", {}).values()
            if isinstance(output.get("Export", {}).get("Name"), str)
        }

    @cached_property
    def _by_name(self) -> dict[str, Resource]:
        names = ("Name", "QueueName", "FunctionName", "TableName", "TopicName", "StateMachineName")
        owners = ((each.properties.get(name), each) for each in self for name in names)
        return {text: each for text, each in owners if isinstance(text, str) and not each.type.endswith("Mapping")}


Notes = Mapping[str, list[Mapping[str, Any]]]


def _stacks(folder: Path) -> Iterator[tuple[str, Mapping[str, Any], Notes]]:
    """Name, template and the constructs' notes of each stack."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise InvalidAssemblyError(f"{folder} holds no cloud assembly: write one with millrace synth or cdk synth.")
    for key, artifact in json.loads(manifest.read_bytes()).get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(folder / properties["directoryName"])
        if artifact["type"] == "aws:cloudformation:stack":
            beside = artifact.get("additionalMetadataFile")
            notes = artifact.get("metadata", {}) | (json.loads((folder / beside).read_bytes()) if beside else {})
            template = json.loads((folder / properties["templateFile"]).read_bytes())
            yield properties.get("stackName", key), template, notes


def _resources(stack: str, template: Mapping[str, Any], notes: Notes) -> Iterator[Resource]:
    places = _places(notes)
    paths = {note["data"]: path.strip("/") for path, note in _noted(notes, "aws:cdk:logicalId")}
    for logical_id, body in template.get("Resources", {}).items():
        metadata = body.get("Metadata", {})
        path = metadata.get("aws:cdk:path") or paths.get(logical_id) or f"{stack}/{logical_id}"
        yield Resource(
            stack=stack,
            logical_id=logical_id,
            type=body["Type"],
            path=path.removesuffix("/Resource"),
            place=_nearest(path, places),
            properties=body.get("Properties", {}),
            facts=metadata.get("millrace", {}),
        )


def _places(notes: Notes) -> dict[str, Place]:
    return {path.strip("/"): Place.parse(note["data"]) for path, note in _noted(notes, PLACE)}


def _noted(notes: Notes, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, found in notes.items():
        yield from ((path, note) for note in found if note["type"] == kind)


def _nearest(path: str, places: Mapping[str, Place]) -> Place | None:
    while path:
        if path in places:
            return places[path]
        path = path.rpartition("/")[0]
    return None
