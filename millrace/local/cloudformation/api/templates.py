"""Templates as they come in: as text or from S3, in JSON or YAML; and what can be said of one without making it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

from millrace.local.cloudformation.api.protocol import Refusal, invalid
from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.cloudformation.template import Template, TemplateError

_VIRTUAL_HOST = re.compile(r"^(.+)\.s3[.-][a-z0-9.-]*amazonaws\.com(\.cn)?$")
_NAMED_IAM = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
MOST_BODY_BYTES = 51_200
MAX_OBJECT_BYTES = 1_000_000
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
_IAM = {*_NAMED_IAM, "AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition"}


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with CloudFormation's short forms, in which a date is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_form(loader: Any, suffix: str, node: Any) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)


def text_of(given: Mapping[str, Any], clients: Clients) -> str | None:
    """The text that a request names, or None where it names none. Raises Refusal."""
    if "TemplateURL" in given:
        return _fetched(given["TemplateURL"], clients)
    text: str | None = given.get("TemplateBody")
    if len((text or "").encode()) > MOST_BODY_BYTES:
        raise invalid(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MOST_BODY_BYTES}"
        )
    return text


def read(text: str) -> Template:
    """A template from its text. Raises Refusal."""
    try:
        body = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader with more tags
    except yaml.YAMLError as error:
        raise invalid(f"Template format error: JSON or YAML not well-formed. {error}") from None
    if not isinstance(body, dict) or not body.get("Resources"):
        raise invalid("Template format error: At least one Resources member must be defined.")
    try:
        return Template(body)
    except (TemplateError, KeyError, AttributeError) as error:
        raise invalid(f"Template format error: {error}") from None


def bucket_and_key(url: str) -> tuple[str, str]:
    """Where an object lies, by its address in any of S3's forms."""
    parts = urlsplit(url)
    path = unquote(parts.path.lstrip("/"))
    if parts.scheme == "s3":
        return parts.netloc, path
    if virtual := _VIRTUAL_HOST.match(parts.hostname or ""):
        return virtual[1], path
    bucket, _, key = path.partition("/")
    return bucket, key


def _fetched(url: str, clients: Clients) -> str:
    bucket, key = bucket_and_key(url)
    client: Any = clients("s3")
    try:
        found: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read(MAX_OBJECT_BYTES + 1)
    except ClientError as error:
        raise invalid(f"S3 error: {error.response['Error']['Message']}") from None
    if len(found) > MAX_OBJECT_BYTES:
        raise invalid(f"Template may not exceed {MAX_OBJECT_BYTES} bytes in size.")
    return found.decode()


def capabilities(template: Template) -> list[str]:
    """What a request has to acknowledge before the template is deployed."""
    entries = [entry for entry in template.entries.values() if entry.type in _IAM]
    if any(_NAMED_IAM.get(entry.type) in entry.properties for entry in entries):
        return ["CAPABILITY_NAMED_IAM"]
    return ["CAPABILITY_IAM"] if entries else []


def check_capabilities(template: Template, given: list[str]) -> None:
    """Raise Refusal where a template makes IAM resources without leave."""
    for needed in capabilities(template):
        if not {needed, "CAPABILITY_NAMED_IAM"} & set(given):
            raise Refusal("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]")


def declared_parameters(template: Template) -> list[dict[str, Any]]:
    """The parameters as GetTemplateSummary tells of them; ValidateTemplate takes part of it."""
    return [_declared(name, body) for name, body in template.body.get("Parameters", {}).items()]


def _declared(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ParameterKey": name,
        "DefaultValue": str(body["Default"]) if "Default" in body else None,
        "ParameterType": body.get("Type", "String"),
        "NoEcho": str(body.get("NoEcho", False)).lower() == "true",
        "Description": body.get("Description"),
        "ParameterConstraints": {"AllowedValues": [str(each) for each in body.get("AllowedValues", ())]},
    }
