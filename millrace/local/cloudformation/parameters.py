"""The parameters of a template: what was given for each, or its default, as the functions see it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.cloudformation.template import Template, TemplateError

_FROM_SSM = "AWS::SSM::Parameter::Value<"


class ParameterError(TemplateError):
    """A parameter without a value, or with one that the template forbids."""


def resolved(template: Template, given: Mapping[str, str], clients: Clients) -> dict[str, Any]:
    """The value of each parameter. Raises ParameterError."""
    declared = template.body.get("Parameters", {})
    if unknown := sorted(given.keys() - declared.keys()):
        raise ParameterError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    return dict(_resolved(template, given, clients))


def plain(body: Mapping[str, Any], name: str, given: Mapping[str, str]) -> str:
    """What was given for a parameter, or its default. Raises ParameterError."""
    if name in given:
        return given[name]
    if "Default" not in body:
        raise ParameterError(f"the parameter {name} has no default, and none is given.")
    return str(body["Default"])


def from_store(body: Mapping[str, Any]) -> bool:
    """Whether a parameter's value is the name of one in SSM's parameter store."""
    return str(body.get("Type")).startswith(_FROM_SSM)


def _resolved(template: Template, given: Mapping[str, str], clients: Clients) -> Iterator[tuple[str, Any]]:
    for name, body in template.parameters.items():
        kind, value = str(body.get("Type", "String")), plain(body, name, given)
        if from_store(body):
            value, kind = stored(value, clients), kind.removeprefix(_FROM_SSM)
        else:
            _check(name, value, body)
        listed = kind.startswith(("CommaDelimitedList", "List<"))
        yield name, [each.strip() for each in value.split(",")] if listed else value


def stored(name: str, clients: Clients) -> str:
    """The value of a parameter in the parameter store. Raises ParameterError."""
    client: Any = clients("ssm")
    try:
        return str(client.get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        raise ParameterError(f"Unable to fetch parameters [{name}] from parameter store for this account.") from None


def _check(name: str, value: str, body: Mapping[str, Any]) -> None:
    allowed = [str(each) for each in body.get("AllowedValues", (value,))]
    if value not in allowed:
        raise ParameterError(f"Parameter '{name}' must be one of AllowedValues: [{', '.join(allowed)}]")
    pattern = body.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        why = body.get("ConstraintDescription", f"must match pattern {pattern}")
        raise ParameterError(f"Parameter '{name}' failed to satisfy constraint: {why}")
