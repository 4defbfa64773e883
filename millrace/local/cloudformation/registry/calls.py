"""Declared calls of AWS's API: the arguments that properties become, and those that identify the resource."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.client import BaseClient
from botocore.model import Shape

from millrace.local.cloudformation.registry.errors import CallError, UnknownMemberError, UnsupportedPropertyError
from millrace.local.cloudformation.registry.shapes import convert, find_member

Clients = Callable[[str], BaseClient]
Values = Mapping[str, Any]

_PARAMETER = re.compile(r"\{\{resolve:ssm(?:-secure)?:([^}]+)\}\}")
_SECRET = re.compile(
    r"\{\{resolve:secretsmanager:(arn:[^:]+:secretsmanager:[^:]*:\d+:secret:[^:}]+|[^:}]+)"
    r"(?::SecretString)?(?::([^:}]*))?(?::([^:}]*))?(?::([^:}]*))?\}\}"
)


@dataclass(frozen=True)
class Cloud:
    """The account and region of a deployment. `clients` returns the cached boto3 client of a service."""

    clients: Clients
    account: str
    region: str
    partition: str = "aws"

    @cached_property
    def values(self) -> dict[str, Any]:
        """Values for ARN templates. `location` is missing in us-east-1, as CreateBucket requires.

        https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucketConfiguration.html
        """
        values = {"account": self.account, "region": self.region, "partition": self.partition}
        return values if self.region == "us-east-1" else values | {"location": self.region}


@dataclass(frozen=True)
class Argument:
    """The argument that a property becomes.

    A dot in `path` leads into a structure or a map. With an empty path, the members of the property are the arguments.
    """

    path: str
    convert: Callable[[Any], Any] | None = None


Arguments = Mapping[str, Argument]


def props(*same: str, **renamed: str) -> dict[str, Argument]:
    """Return properties whose arguments have the same name, in any case, and properties with renamed arguments."""
    return {name: Argument(name) for name in same} | {name: Argument(path) for name, path in renamed.items()}


def nested(argument: str, *names: str) -> dict[str, Argument]:
    """Return properties that are members of one argument."""
    return {name: Argument(f"{argument}.{name}") for name in names}


@dataclass(frozen=True)
class Call:
    """One operation of boto3. `by` has further arguments, as format strings over the resource's values.

    A lower-case name in `arguments` is a value of the cloud or of the step, such as `location`, not a property.
    """

    operation: str
    arguments: Arguments = field(default_factory=dict)
    by: Mapping[str, str] = field(default_factory=dict)

    def run(self, client: BaseClient, values: Values, resource: tuple[str, str]) -> dict[str, Any]:
        """Make the call. `resource` is its type and logical id, for errors."""
        response: dict[str, Any] = getattr(client, self.operation)(**self._request(client, values, resource))
        if response.get("FailedEntryCount"):
            raise CallError(f"{self.operation}: {response['FailedEntries']}")
        return response

    def _request(self, client: BaseClient, values: Values, resource: tuple[str, str]) -> dict[str, Any]:
        shape = input_shape(client, self.operation)
        request: dict[str, Any] = {}
        for path, template in self.by.items():
            _set(request, shape, path, template.format_map(values))
        for name, argument in self.arguments.items():
            if name in values:
                value = argument.convert(values[name]) if argument.convert else values[name]
                try:
                    _set(request, shape, argument.path, value)
                except UnknownMemberError as error:
                    property_name = values["member_of"] if name == "member" else name
                    raise UnsupportedPropertyError(
                        f"{resource[0]}.{property_name}{error.args[0]}", resource[1]
                    ) from None
        return request


def input_shape(client: BaseClient, operation: str) -> Shape:
    """Return botocore's model of an operation's input."""
    api_name = client.meta.method_to_api_mapping[operation]
    shape = client.meta.service_model.operation_model(api_name).input_shape
    if shape is None:
        raise TypeError(f"{api_name} takes no arguments, so no property can be passed to it.")
    return shape


def _set(request: dict[str, Any], shape: Shape, path: str, value: Any) -> None:
    if not path:
        request |= convert(value, shape)
        return
    *outer, last = path.split(".")
    for step in outer:
        name, shape = find_member(shape, step)
        request = request.setdefault(name, {})
    name, shape = find_member(shape, last)
    request[name] = convert(value, shape)


def resolve_references(value: Any, clients: Clients) -> Any:
    """Return a value with its dynamic references resolved. Only calls contain the secrets and the parameters.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
    """
    if isinstance(value, dict):
        return {name: resolve_references(member, clients) for name, member in value.items()}
    if isinstance(value, list):
        return [resolve_references(member, clients) for member in value]
    if isinstance(value, str) and "{{resolve:" in value:
        value = _PARAMETER.sub(lambda match: _parameter(match[1], clients), value)
        return _SECRET.sub(lambda match: _secret(match, clients), value)
    return value


def _parameter(name: str, clients: Clients) -> str:
    """Return the value of `name` or `name:version`."""
    client: Any = clients("ssm")
    return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def _secret(match: re.Match[str], clients: Clients) -> str:
    name, key, stage, version = match.groups()
    chosen = {"VersionStage": stage} if stage else {"VersionId": version} if version else {}
    text: str = clients("secretsmanager").get_secret_value(SecretId=name, **chosen)["SecretString"]  # type: ignore[attr-defined]
    return str(json.loads(text)[key]) if key else text
