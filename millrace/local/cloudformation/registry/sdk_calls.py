"""SDK calls of CDK's AwsCustomResource, made by boto3 instead of the AWS SDK for JavaScript.

https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.custom_resources.AwsCustomResource.html
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.session import get_session

from millrace.local.cloudformation.registry.calls import Cloud, input_shape
from millrace.local.cloudformation.registry.errors import UnsupportedError
from millrace.local.cloudformation.registry.shapes import convert

CALLS = ("Create", "Update", "Delete")
_OTHER = frozenset({"ServiceToken", "ServiceTimeout", "InstallLatestAwsSdk"})
_PHYSICAL_ID = "PHYSICAL:RESOURCEID:"
_LITERALS = {"TRUE:BOOLEAN": True, "FALSE:BOOLEAN": False}
_CLIENTS = {
    "cloudwatchevents": "events",
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "eventbridge": "events",
    "resourcegroupstaggingapi": "resourcegroupstaggingapi",
    "sfn": "stepfunctions",
}
"""boto3's names of services, by the SDK for JavaScript's, where more differs than case and hyphens."""


def are_sdk_calls(properties: Mapping[str, Any]) -> bool:
    """Return whether a custom resource has the properties of an AwsCustomResource."""
    calls = properties.keys() & set(CALLS)
    return bool(calls) and properties.keys() <= {*CALLS, *_OTHER}


class SdkCall:
    """One call, as the construct writes it into the template in JSON."""

    def __init__(self, text: str, logical_id: str, physical_id: str = "") -> None:
        self._call: dict[str, Any] = _decoded(json.loads(text), physical_id)
        self._logical_id = logical_id
        self._physical_id = physical_id

    def run(self, cloud: Cloud) -> tuple[str, dict[str, Any]]:
        """Make the call. Return the physical id and the attributes. Raises ClientError, UnsupportedError."""
        client: Any = cloud.clients(self._service())
        operation = xform_name(self._call["action"].removesuffix("Command"))
        if operation not in client.meta.method_to_api_mapping:
            raise UnsupportedError(f"the SDK call {self._call['service']}.{self._call['action']}", self._logical_id)
        parameters = self._call.get("parameters") or {}
        if parameters:
            parameters = convert(parameters, input_shape(client, operation))
        return self._result(self._answer(getattr(client, operation), parameters))

    def _answer(self, call: Any, parameters: dict[str, Any]) -> dict[str, Any]:
        ignored = self._call.get("ignoreErrorCodesMatching")
        try:
            return _flat({name: value for name, value in call(**parameters).items() if name != "ResponseMetadata"})
        except ClientError as error:
            if not ignored or not re.search(ignored, error.response["Error"]["Code"]):
                raise
            return {}

    def _result(self, answer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        wanted = self._call.get("outputPaths")
        identity = self._call.get("physicalResourceId") or {}
        found = identity.get("id") or answer.get(identity.get("responsePath", "")) or self._physical_id
        shown = answer if not wanted else {n: v for n, v in answer.items() if n.startswith(tuple(wanted))}
        return str(found or self._logical_id), shown

    def _service(self) -> str:
        for unsupported in ("assumedRoleArn", "region", "externalId"):
            if self._call.get(unsupported):
                raise UnsupportedError(f"{unsupported} of an AwsSdkCall", self._logical_id)
        plain = _plain(self._call["service"].removeprefix("@aws-sdk/client-"))
        if plain in _CLIENTS:
            return _CLIENTS[plain]
        names: dict[str, str] = {_plain(name): name for name in get_session().get_available_services()}
        if plain not in names:
            raise UnsupportedError(f"the SDK service {self._call['service']}", self._logical_id)
        return names[plain]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _decoded(value: Any, physical_id: str) -> Any:
    """Return a value with its tokens for the physical id and for booleans replaced."""
    if isinstance(value, dict):
        return {_decoded(name, physical_id): _decoded(member, physical_id) for name, member in value.items()}
    if isinstance(value, list):
        return [_decoded(member, physical_id) for member in value]
    if value == _PHYSICAL_ID:
        return physical_id
    return _LITERALS.get(value, value) if isinstance(value, str) else value


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return the leaves of a response by their paths, such as `Buckets.0.Name`."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if members is None:
        return {path: value if isinstance(value, str | int | float | bool) else str(value)}
    found: dict[str, Any] = {}
    for name, member in members:
        found |= _flat(member, f"{path}.{name}" if path else str(name))
    return found
