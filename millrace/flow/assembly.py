"""Reads a cloud assembly: its resources, their references, and the source lines that created them."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

SOURCE_LOCATION = "millrace:source-location"
"""The type of the metadata entry that holds the source location of a construct."""
SUB = re.compile(r"\$\{([^!.}]+)(?:\.[^}]*)?\}")


class InvalidAssemblyError(ValueError):
    """The folder holds no cloud assembly."""


@dataclass(frozen=True, order=True)
class SourceLocation:
    """A line of a source file. The path is relative to the project's folder."""

    file: str
    line: int

    @classmethod
    def parse(cls, text: str) -> "SourceLocation":
        """Parse `file:line`."""
        file, _, line = text.rpartition(":")
        return cls(file, int(line))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Resource:
    """One resource. `id` is unique in the assembly; `path` is the path of its construct, created at `location`."""

    stack: str
    logical_id: str
    type: str
    path: str
    location: SourceLocation | None
    properties: Mapping[str, Any] = field(repr=False, compare=False)
    facts: Mapping[str, Any] = field(repr=False, compare=False)

    @property
    def id(self) -> str:
        """`stack.logical_id`."""
        return f"{self.stack}.{self.logical_id}"


class Assembly:
    """All resources of a folder such as `cdk.out`, in every stack and stage."""

    def __init__(self, folder: Path) -> None:
        self._templates: dict[str, Mapping[str, Any]] = {}
        self._resources: dict[str, Resource] = {}
        self._metadata: dict[str, list[Mapping[str, Any]]] = {}
        self.template_bytes: dict[str, int] = {}
        for stack, file, metadata in _stacks(folder):
            text = file.read_bytes()
            self.template_bytes[stack] = len(text)
            self._templates[stack] = template = json.loads(text)
            self._metadata |= metadata
            for resource in _resources(stack, template, metadata):
                self._resources[resource.id] = resource

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources.values())

    def __getitem__(self, id: str) -> Resource:  # noqa: A002
        return self._resources[id]

    def __contains__(self, id: object) -> bool:  # noqa: A002
        return id in self._resources

    def metadata(self, kind: str) -> list[tuple[str, Any]]:
        """The metadata entries of one type, each with the path of its construct."""
        return [(path.strip("/"), entry["data"]) for path, entry in _entries(self._metadata, kind)]

    def location_of(self, path: str) -> SourceLocation | None:
        """The source location of a construct, or of its nearest parent that has one."""
        return _nearest(path, _locations(self._metadata))

    def of(self, *types: str) -> list[Resource]:
        """The resources of these types: `of("SQS::Queue")`."""
        return [each for each in self if each.type.removeprefix("AWS::") in types]

    def named(self, value: Any, owner: Resource) -> Resource | None:
        """The resource that a property of `owner` refers to, by reference or by name; None outside the assembly.

        An alias or a version of a function resolves to the function.
        """
        if isinstance(value, str):
            return self._by_name.get(value.rpartition("/")[2].rpartition(":")[2])
        found = next(self.mentions(value, owner), None)
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

    def mentions(self, value: Any, owner: Resource) -> Iterator[Resource]:
        """Every resource that a property of `owner` refers to, in its stack or through an output in another."""
        yield from self._mentions(value, owner.stack)

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


Metadata = Mapping[str, list[Mapping[str, Any]]]


def _stacks(folder: Path) -> Iterator[tuple[str, Path, Metadata]]:
    """Name, template file and construct metadata of each stack."""
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise InvalidAssemblyError(f"{folder} holds no cloud assembly: create one with millrace synth or cdk synth.")
    for key, artifact in json.loads(manifest.read_bytes()).get("artifacts", {}).items():
        properties = artifact.get("properties", {})
        if artifact["type"] == "cdk:cloud-assembly":
            yield from _stacks(folder / properties["directoryName"])
        if artifact["type"] == "aws:cloudformation:stack":
            file = artifact.get("additionalMetadataFile")
            metadata = artifact.get("metadata", {}) | (json.loads((folder / file).read_bytes()) if file else {})
            yield properties.get("stackName", key), folder / properties["templateFile"], metadata


def _resources(stack: str, template: Mapping[str, Any], metadata: Metadata) -> Iterator[Resource]:
    locations = _locations(metadata)
    paths = {entry["data"]: path.strip("/") for path, entry in _entries(metadata, "aws:cdk:logicalId")}
    for logical_id, body in template.get("Resources", {}).items():
        own = body.get("Metadata", {})
        path = own.get("aws:cdk:path") or paths.get(logical_id) or f"{stack}/{logical_id}"
        yield Resource(
            stack=stack,
            logical_id=logical_id,
            type=body["Type"],
            path=path.removesuffix("/Resource"),
            location=_nearest(path, locations),
            properties=body.get("Properties", {}),
            facts=own.get("millrace", {}),
        )


def _locations(metadata: Metadata) -> dict[str, SourceLocation]:
    return {path.strip("/"): SourceLocation.parse(entry["data"]) for path, entry in _entries(metadata, SOURCE_LOCATION)}


def _entries(metadata: Metadata, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, found in metadata.items():
        yield from ((path, entry) for entry in found if entry["type"] == kind)


def _nearest(path: str, locations: Mapping[str, SourceLocation]) -> SourceLocation | None:
    while path:
        if path in locations:
            return locations[path]
        path = path.rpartition("/")[0]
    return None
