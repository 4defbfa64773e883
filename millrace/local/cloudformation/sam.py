"""Templates of AWS SAM and CloudFormation: written as a cloud assembly, which is then deployed like CDK's.

https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-specification.html
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from millrace.local.cloudformation.api.templates import YamlLoader
from millrace.local.cloudformation.assembly import AssemblyError
from millrace.local.cloudformation.openapi_bodies import expand_bodies
from millrace.local.cloudformation.synthesis import files_of
from millrace.local.core.backends import Environment

_TRANSFORM = "AWS::Serverless-2016-10-31"
_BUCKET = "millrace-template-assets"
_CODE = {
    "AWS::Lambda::Function": "Code",
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
}
"""The properties that can name a folder or zip file next to the template."""
Resources = dict[str, dict[str, Any]]


def write_assembly(template: Path, out: Path, environment: Environment, parameters: Mapping[str, str]) -> None:
    """Write the assembly of one stack, named after the folder of the template. Raises AssemblyError."""
    body = _parsed(template)
    files: dict[str, Path] = {}
    for logical_id, resource in body.get("Resources", {}).items():
        _use_assets(template, logical_id, resource, files)
    if body.get("Transform"):
        body = _transformed(template, body, environment, parameters)
    try:
        expand_bodies(body["Resources"])
    except ValueError as error:
        raise AssemblyError(f"{template}: {error}") from error
    _write(out, _stack_name(template), body, files)


def inputs_of(template: Path) -> list[Path]:
    """Return the template, and the files and folders that it names. Raises AssemblyError."""
    resources: Resources = _parsed(template).get("Resources", {})
    named = [template.parent / found for resource in resources.values() if (found := _local_path(resource))]
    return [template, *(path for path in named if path.exists())]


def _parsed(template: Path) -> dict[str, Any]:
    try:
        body = yaml.load(template.read_text(), YamlLoader)  # noqa: S506 - a subclass of SafeLoader
    except OSError as error:
        raise AssemblyError(f"Cannot read the template {template}: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise AssemblyError(f"{template} is neither JSON nor YAML: {error}") from error
    if not isinstance(body, dict) or not isinstance(body.get("Resources"), dict):
        raise AssemblyError(f"{template} has no Resources. Pass a template of CloudFormation or AWS SAM.")
    return body


def _stack_name(template: Path) -> str:
    words = "".join(each if each.isalnum() else " " for each in template.resolve().parent.name).split()
    return "-".join(words) or "stack"


def _local_path(resource: Mapping[str, Any]) -> str | None:
    value = (resource.get("Properties") or {}).get(_CODE.get(str(resource.get("Type")), ""))
    return value if isinstance(value, str) and not value.startswith("s3://") else None


def _use_assets(template: Path, logical_id: str, resource: dict[str, Any], files: dict[str, Path]) -> None:
    """Replace the local path of a resource with the object of an asset, and a state machine's file by its content."""
    properties = resource.get("Properties") or {}
    if resource.get("Type") == "AWS::Serverless::StateMachine" and isinstance(properties.get("DefinitionUri"), str):
        definition = template.parent / properties.pop("DefinitionUri")
        properties["Definition"] = yaml.load(definition.read_text(), YamlLoader)  # noqa: S506 - as above
    path = _local_path(resource)
    if path is None:
        return
    source = (template.parent / path).resolve()
    if not source.exists():
        raise AssemblyError(f"{template}: {logical_id} names {path}, which does not exist.")
    key = f"{_hash(source)}.zip"
    files[key] = source
    is_sam = str(resource["Type"]).startswith("AWS::Serverless::")
    located = f"s3://{_BUCKET}/{key}" if is_sam else {"S3Bucket": _BUCKET, "S3Key": key}
    properties[_CODE[resource["Type"]]] = located


def _hash(source: Path) -> str:
    found = hashlib.sha256()
    for file in files_of(source):
        found.update(str(file.relative_to(source.parent)).encode())
        found.update(file.read_bytes())
    return found.hexdigest()[:32]


def _transformed(
    template: Path, body: dict[str, Any], environment: Environment, parameters: Mapping[str, str]
) -> dict[str, Any]:
    """Return the template that AWS's own translator makes."""
    import boto3
    from samtranslator.model.exceptions import InvalidDocumentException
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    transforms = body["Transform"] if isinstance(body["Transform"], list) else [body["Transform"]]
    if transforms != [_TRANSFORM]:
        raise AssemblyError(f"{template}: the local cloud applies the transform {_TRANSFORM} only, not {transforms}.")
    session = boto3.session.Session(region_name=environment[1])
    given = {"AWS::AccountId": environment[0], "AWS::Region": environment[1], "AWS::Partition": "aws", **parameters}
    try:
        translated: dict[str, Any] = Translator(_managed_policies(), Parser(), boto_session=session).translate(
            body, given
        )
    except InvalidDocumentException as error:
        causes = "; ".join(str(cause.message) for cause in error.causes)
        raise AssemblyError(f"{template} is not a valid template of AWS SAM: {causes}") from error
    for resource in translated["Resources"].values():
        resource.setdefault("Properties", {})
    return translated


def _managed_policies() -> dict[str, str]:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    known = json.loads(aws_managed_policies_data)
    return {name: f"arn:aws:iam::aws:policy{policy.get('Path', '/')}{name}" for name, policy in known.items()}


def _write(out: Path, stack: str, body: dict[str, Any], files: Mapping[str, Path]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    assets = {"version": "36.0.0", "files": dict(_assets(files))}
    artifacts = {
        f"{stack}.assets": {"type": "cdk:asset-manifest", "properties": {"file": f"{stack}.assets.json"}},
        stack: {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": f"{stack}.template.json"},
            "dependencies": [f"{stack}.assets"],
        },
    }
    (out / f"{stack}.assets.json").write_text(json.dumps(assets))
    (out / f"{stack}.template.json").write_text(json.dumps(body, default=str))
    (out / "manifest.json").write_text(json.dumps({"version": "36.0.0", "artifacts": artifacts}))


def _assets(files: Mapping[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    for key, path in files.items():
        source = {"path": str(path), "packaging": "zip" if path.is_dir() else "file"}
        yield (
            key.removesuffix(".zip"),
            {
                "source": source,
                "destinations": {"local": {"bucketName": _BUCKET, "objectKey": key}},
            },
        )
