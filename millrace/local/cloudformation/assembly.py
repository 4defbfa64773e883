"""Synthesised cloud assemblies: their stacks, in dependency order, and file assets.

https://docs.aws.amazon.com/cdk/v2/guide/deploy.html#deploy-how-synth-assemblies
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from millrace.local.cloudformation.template import CircularDependencyError, Template
from millrace.local.core.backends import Environment

_APIS = ("AWS::ApiGateway::RestApi", "AWS::ApiGatewayV2::Api")
_STACK, _ASSETS, _STAGE = "aws:cloudformation:stack", "cdk:asset-manifest", "cdk:cloud-assembly"


class AssemblyError(ValueError):
    """An assembly that the local cloud cannot deploy."""


@dataclass(frozen=True)
class Asset:
    """A file, or a folder to be zipped, and the S3 object where the template expects it. `id` is the asset's hash."""

    id: str
    path: Path
    zipped: bool
    bucket: str
    key: str


@dataclass(frozen=True)
class Stack:
    """One stack. `dependencies` are the names of the stacks to deploy before it."""

    name: str
    template: Template
    assets: tuple[Asset, ...] = ()
    dependencies: frozenset[str] = frozenset()
    environment: Environment = ("", "")

    @cached_property
    def exports(self) -> frozenset[str]:
        """The names of its exports, except those that contain intrinsic functions."""
        names = (output.get("Export", {}).get("Name") for output in self.template.outputs.values())
        return frozenset(name for name in names if isinstance(name, str))

    @cached_property
    def imports(self) -> frozenset[str]:
        """The names of its imports, except those that contain intrinsic functions."""
        return frozenset(_imports(self.template.body))


@dataclass(frozen=True)
class Assembly:
    """The stacks of a folder, in dependency order."""

    folder: Path
    stacks: tuple[Stack, ...]

    @property
    def environments(self) -> list[Environment]:
        """The accounts and regions of its stacks."""
        return list(dict.fromkeys(stack.environment for stack in self.stacks))

    @classmethod
    def read(cls, folder: Path, default: Environment) -> "Assembly":
        """Read a folder, such as `cdk.out`. Stacks without an account or region get the default one.

        Raises AssemblyError for an asset that cannot be deployed locally.
        """
        found = {stack.name: stack for stack in _stacks(folder, default)}
        if not found:
            raise AssemblyError(f"{folder} contains no stack. Pass the folder that `cdk synth` wrote.")
        exported = {export: stack.name for stack in found.values() for export in stack.exports}
        order = TopologicalSorter(
            {
                name: sorted((stack.dependencies | _exporters(stack.imports, exported)) & found.keys() - {name})
                for name, stack in found.items()
            }
        )
        try:
            return cls(folder, tuple(found[name] for name in order.static_order()))
        except CycleError as error:
            raise CircularDependencyError(f"Circular dependency between stacks: {' → '.join(error.args[1])}.") from None


def _exporters(imports: frozenset[str], exported: Mapping[str, str]) -> set[str]:
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
        raise AssemblyError(f"{path} does not exist. Write it with `cdk synth`.") from None
    return found


def _stacks(folder: Path, default: Environment) -> Iterator[Stack]:
    artifacts: dict[str, dict[str, Any]] = _json(folder / "manifest.json").get("artifacts", {})
    names = {key: _stack_name(key, body) for key, body in artifacts.items() if body["type"] == _STACK}
    for key, body in artifacts.items():
        if body["type"] == _STAGE:
            yield from _stacks(folder / body["properties"]["directoryName"], default)
        if body["type"] == _STACK:
            assets = tuple(_stack_assets(folder, body, artifacts, default))
            dependencies = frozenset(names[each] for each in body.get("dependencies", ()) if each in names)
            yield Stack(
                names[key],
                Template(
                    _with_api_definitions(_json(folder / body["properties"]["templateFile"]), assets),
                    cache(lambda body=body: dict(_construct_paths(folder, body))),
                ),
                assets,
                dependencies,
                _environment(body, default),
            )


def _with_api_definitions(template: dict[str, Any], assets: tuple[Asset, ...]) -> dict[str, Any]:
    """Replace the location of each API's definition by the definition, which is JSON or YAML."""
    for resource in template.get("Resources", {}).values():
        properties = resource.get("Properties", {})
        key = properties.get("BodyS3Location", {}).get("Key")
        asset = next((each for each in assets if each.key == key), None)
        if asset and resource["Type"] in _APIS:
            import yaml  # type: ignore[import-untyped]

            del properties["BodyS3Location"]
            properties["Body"] = yaml.safe_load(asset.path.read_text())
    return template


def _construct_paths(folder: Path, body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield logical ids and construct paths, from the manifest or its `additionalMetadataFile`."""
    file = body.get("additionalMetadataFile")
    for path, entries in (body.get("metadata", {}) | (_json(folder / file) if file else {})).items():
        for entry in entries:
            if entry["type"] == "aws:cdk:logicalId":
                yield entry["data"], path.lstrip("/")


def _stack_name(key: str, body: Mapping[str, Any]) -> str:
    name: str = body["properties"].get("stackName", key)
    return name


def _environment(body: Mapping[str, Any], default: Environment) -> Environment:
    account, region = body.get("environment", "aws:///").removeprefix("aws://").split("/")
    return (
        default[0] if account in ("", "unknown-account") else account,
        default[1] if region in ("", "unknown-region") else region,
    )


def _stack_assets(
    folder: Path, body: Mapping[str, Any], artifacts: Mapping[str, Any], default: Environment
) -> Iterator[Asset]:
    dependencies = (artifacts[each] for each in body.get("dependencies", ()))
    for manifest in (each["properties"]["file"] for each in dependencies if each["type"] == _ASSETS):
        for asset in _assets(folder, folder / manifest, default):
            if asset.path.name != body["properties"]["templateFile"]:
                yield asset


def _assets(folder: Path, manifest: Path, default: Environment) -> Iterator[Asset]:
    body = _json(manifest)
    for key, asset in body.get("files", {}).items():
        source = asset["source"]
        if "path" not in source:
            raise AssemblyError(
                f"{manifest.name}: the asset {key} is not a file but the output of a command: {source}."
            )
        for destination in asset["destinations"].values():
            bucket, name = (_without_placeholders(destination[part], default) for part in ("bucketName", "objectKey"))
            yield Asset(key, folder / source["path"], source.get("packaging") == "zip", bucket, name)


def _without_placeholders(text: str, default: Environment) -> str:
    for name, value in zip(("AccountId", "Region", "Partition"), (*default, "aws"), strict=True):
        text = text.replace(f"${{AWS::{name}}}", value)
    return text
