"""The URLs of deployed APIs and functions, and the outputs of stacks, as lines for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Any

from millrace.local.cloudformation.registry import Resource

_EXPORT = "ExportsOutput"
"""The start of the outputs that CDK adds for references between stacks."""


def addresses(stacks: Mapping[str, Any], endpoint: str) -> Iterator[str]:
    """Yield a line for each API, each stage of a REST API, each function URL, and each output.

    The URLs of APIs are those that each client on this machine can resolve.
    """
    for name, stack in stacks.items():
        names = {each.physical_id: each.properties.get("Name") for each in stack.resources.values()}
        for resource in stack.resources.values():
            yield from _address(resource, names, f"{endpoint}/_aws/execute-api")
        yield from (f"{name}.{key}: {value}" for key, value in stack.outputs.items() if not key.startswith(_EXPORT))


def _address(resource: Resource, names: Mapping[str, Any], apis: str) -> Iterator[str]:
    given, id_ = resource.properties, resource.physical_id
    match resource.type:
        case "AWS::ApiGatewayV2::Api":
            yield f"API {names[id_] or id_}: {apis}/{id_}/"
        case "AWS::ApiGateway::Stage":
            api = given["RestApiId"]
            yield f"API {names.get(api) or api}: {apis}/{api}/{id_}/"
        case "AWS::Lambda::Url":
            function = str(given["TargetFunctionArn"]).rpartition(":function:")[2] or given["TargetFunctionArn"]
            yield f"Function URL of {function}: {resource.attributes['FunctionUrl']}"
