"""Templates of requests: parsing of JSON and YAML, capabilities and declared parameters.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml  # type: ignore[import-untyped]
from botocore.exceptions import ClientError

from millrace.local.cloudformation.api.protocol import validation_error
from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.cloudformation.template import Template, TemplateError
from millrace.local.core.errors import ApiError
from millrace.local.core.json_text import is_true

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


class YamlLoader(yaml.SafeLoader):  # type: ignore[misc]
    """YAML with the short forms of intrinsic functions. Dates are strings."""


YamlLoader.yaml_implicit_resolvers = {
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


YamlLoader.add_multi_constructor("!", _short_form)


class _RequestLoader(YamlLoader):
    """CloudFormation rejects aliases, by which a short template could stand for billions of values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose the next node. Raises YAMLError for an alias."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("YAML aliases are not allowed in CloudFormation templates.")
        return super().compose_node(parent, index)


def text_of(params: Mapping[str, Any], clients: Clients) -> str | None:
    """Return the template of a request, from TemplateURL or TemplateBody; None if it has neither."""
    if "TemplateURL" in params:
        return _download(params["TemplateURL"], clients)
    text: str | None = params.get("TemplateBody")
    if len((text or "").encode()) > MOST_BODY_BYTES:
        raise validation_error(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MOST_BODY_BYTES}"
        )
    return text


def parse(text: str) -> Template:
    """Parse a template. Raises ApiError."""
    try:
        body = yaml.load(text, _RequestLoader)  # noqa: S506 - a subclass of SafeLoader
    except (yaml.YAMLError, RecursionError) as error:
        raise validation_error(f"Template format error: JSON or YAML not well-formed. {error}") from None
    if not isinstance(body, dict) or not body.get("Resources"):
        raise validation_error("Template format error: At least one Resources member must be defined.")
    try:
        return Template(body)
    except (TemplateError, KeyError, AttributeError) as error:
        raise validation_error(f"Template format error: {error}") from None


def bucket_and_key(url: str) -> tuple[str, str]:
    """Return the bucket and key of a URL in any of S3's forms."""
    parts = urlsplit(url)
    path = unquote(parts.path.lstrip("/"))
    if parts.scheme == "s3":
        return parts.netloc, path
    if virtual := _VIRTUAL_HOST.match(parts.hostname or ""):
        return virtual[1], path
    bucket, _, key = path.partition("/")
    return bucket, key


def _download(url: str, clients: Clients) -> str:
    bucket, key = bucket_and_key(url)
    client: Any = clients("s3")
    try:
        found: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read(MAX_OBJECT_BYTES + 1)
    except ClientError as error:
        raise validation_error(f"S3 error: {error.response['Error']['Message']}") from None
    if len(found) > MAX_OBJECT_BYTES:
        raise validation_error(f"Template may not exceed {MAX_OBJECT_BYTES} bytes in size.")
    return found.decode()


def capabilities(template: Template) -> list[str]:
    """Return the capabilities that a request must acknowledge to deploy the template."""
    definitions = [definition for definition in template.resources.values() if definition.type in _IAM]
    if any(_NAMED_IAM.get(definition.type) in definition.properties for definition in definitions):
        return ["CAPABILITY_NAMED_IAM"]
    return ["CAPABILITY_IAM"] if definitions else []


def check_capabilities(template: Template, params: list[str]) -> None:
    """Raise ApiError if a template with IAM resources is deployed without the capability."""
    for needed in capabilities(template):
        if not {needed, "CAPABILITY_NAMED_IAM"} & set(params):
            raise ApiError("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]")


def declared_parameters(template: Template) -> list[dict[str, Any]]:
    """Return the parameters for GetTemplateSummary and ValidateTemplate."""
    return [_declared_parameter(name, body) for name, body in template.body.get("Parameters", {}).items()]


def _declared_parameter(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "ParameterKey": name,
        "DefaultValue": str(body["Default"]) if "Default" in body else None,
        "ParameterType": body.get("Type", "String"),
        "NoEcho": is_true(body.get("NoEcho")),
        "Description": body.get("Description"),
        "ParameterConstraints": {"AllowedValues": [str(each) for each in body.get("AllowedValues", ())]},
    }
