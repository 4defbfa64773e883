"""A synthesised cloud assembly, read from its folder: the stacks in the order of their dependencies, and their assets.

https://docs.aws.amazon.com/cdk/v2/guide/deploy.html#deploy-how-synth-assemblies
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from millrace.local.cloudformation.template import CircularDependency, Template
from millrace.local.core.backends import Environment

_STACK, _ASSETS, _STAGE = "aws:cloudformation:stack", "cdk:asset-manifest", "cdk:cloud-assembly"


class AssemblyError(ValueError):
    """An assembly that the local cloud cannot read."""


@dataclass(frozen=True)
class Asset:
    """A file, or a folder to be zipped, and the one place where the template expects it. `id` is the asset's hash."""

    id: str
    path: Path
    zipped: bool
    bucket: str
    key: str


@dataclass(frozen=True)
class Stack:
    """One stack. `needs` are the names of the stacks that come before it, `environment` is its account and region."""

    name: str
    template: Template
    assets: tuple[Asset, ...] = ()
    needs: frozenset[str] = frozenset()
    environment: Environment = ("", "")

    @cached_property
    def exports(self) -> frozenset[str]:
        """The names of what it exports, as far as the template writes them out."""
        names = (output.get("Export", {}).get("Name") for output in self.template.outputs.values())
        return frozenset(name for name in names if isinstance(name, str))

    @cached_property
    def imports(self) -> frozenset[str]:
        """The names of what it imports, as far as the template writes them out."""
        return frozenset(_imports(self.template.body))


@dataclass(frozen=True)
class Assembly:
    """The stacks of a folder, each after those that it needs."""

    folder: Path
    stacks: tuple[Stack, ...]

    @property
    def environments(self) -> list[Environment]:
        """The accounts and regions of its stacks, in their order."""
        return list(dict.fromkeys(stack.environment for stack in self.stacks))

    @classmethod
    def read(cls, folder: Path, default: Environment) -> "Assembly":
        """Read a folder, as `cdk.out`. Stacks that name no account or region are for the default ones.

        Raises AssemblyError for what cannot be deployed locally.
        """
        found = {stack.name: stack for stack in _stacks(folder, *default)}
        if not found:
            raise AssemblyError(f"{folder} holds no stack. Is it the folder that `cdk synth` wrote?")
        exported = {export: stack.name for stack in found.values() for export in stack.exports}
        order = TopologicalSorter(
            {
                name: sorted((stack.needs | _named(stack.imports, exported)) & found.keys() - {name})
                for name, stack in found.items()
            }
        )
        try:
            return cls(folder, tuple(found[name] for name in order.static_order()))
        except CycleError as error:
            raise CircularDependency(f"These stacks wait for each other: {' → '.join(error.args[1])}.") from None


def _named(imports: frozenset[str], exported: Mapping[str, str]) -> set[str]:
    return {exported[name] for name in imports if name in exported}


def _imports(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _imports(each)
    elif isinstance(value, dict):
        if isinstance(name := value.get("Fn::ImportValue"), str):
            yield name
        for inner in value.values():
            yield from _imports(inner)


def _json(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise AssemblyError(f"There is no {path}. Write it with `cdk synth`.") from None
    return found


def _stacks(folder: Path, account: str, region: str) -> Iterator[Stack]:
    artifacts: dict[str, dict[str, Any]] = _json(folder / "manifest.json").get("artifacts", {})
    names = {key: _name(key, body) for key, body in artifacts.items() if body["type"] == _STACK}
    for key, body in artifacts.items():
        if body["type"] == _STAGE:
            yield from _stacks(folder / body["properties"]["directoryName"], account, region)
        if body["type"] == _STACK:
            needs = frozenset(names[each] for each in body.get("dependencies", ()) if each in names)
            yield _stack(folder, names[key], body, artifacts, {"account": account, "region": region, "needs": needs})


def _paths(folder: Path, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The constructs' paths, which stand in the manifest or in a file beside it."""
    beside = body.get("additionalMetadataFile")
    for path, notes in (body.get("metadata", {}) | (_json(folder / beside) if beside else {})).items():
        for note in notes:
            if note["type"] == "aws:cdk:logicalId":
                yield note["data"], path.lstrip("/")


def _name(key: str, body: Mapping[str, Any]) -> str:
    name: str = body["properties"].get("stackName", key)
    return name


def _stack(
    folder: Path, name: str, body: Mapping[str, Any], artifacts: Mapping[str, Any], where: Mapping[str, Any]
) -> Stack:
    template = body["properties"]["templateFile"]
    manifests = [artifacts[each] for each in body.get("dependencies", ()) if artifacts[each]["type"] == _ASSETS]
    assets = [
        asset
        for manifest in manifests
        for asset in _assets(folder, folder / manifest["properties"]["file"], where)
        if asset.path.name != template
    ]
    account, region = body.get("environment", "aws:///").removeprefix("aws://").split("/")
    return Stack(
        name,
        Template(_json(folder / template), cache(lambda: dict(_paths(folder, body)))),
        tuple(assets),
        where["needs"],
        (
            where["account"] if account in ("", "unknown-account") else account,
            where["region"] if region in ("", "unknown-region") else region,
        ),
    )


def _assets(folder: Path, manifest: Path, where: Mapping[str, Any]) -> Iterator[Asset]:
    body = _json(manifest)
    if images := body.get("dockerImages"):
        raise AssemblyError(f"{manifest.name}: the image {min(images)} needs Docker, which is not used here.")
    for key, asset in body.get("files", {}).items():
        source = asset["source"]
        if "path" not in source:
            raise AssemblyError(f"{manifest.name}: the asset {key} is no file, but made by {source}.")
        for destination in asset["destinations"].values():
            bucket, name = (_plain(destination[part], where) for part in ("bucketName", "objectKey"))
            yield Asset(key, folder / source["path"], source.get("packaging") == "zip", bucket, name)


def _plain(text: str, where: Mapping[str, Any]) -> str:
    named = {"AWS::AccountId": where["account"], "AWS::Region": where["region"], "AWS::Partition": "aws"}
    for name, value in named.items():
        text = text.replace(f"${{{name}}}", value)
    return text
