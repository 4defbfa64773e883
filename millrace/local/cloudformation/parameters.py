"""Template parameters: the values that a deployment gives, defaults, and values from SSM's parameter store.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from millrace.local.cloudformation.registry.calls import Clients
from millrace.local.cloudformation.template import Template, TemplateError

_SSM_PARAMETER = "AWS::SSM::Parameter::Value<"


class ParameterError(TemplateError):
    """A parameter without a value, or with a value that the template does not allow."""


def resolve_parameters(template: Template, given: Mapping[str, str], clients: Clients) -> dict[str, Any]:
    """Return the value of each parameter. Raises ParameterError."""
    if unknown := sorted(given.keys() - template.body.get("Parameters", {}).keys()):
        raise ParameterError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    return {name: _resolve(name, body, given, clients) for name, body in template.parameters.items()}


def given_or_default(name: str, body: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """Return the given value of a parameter, or its default. Raises ParameterError."""
    if name in given:
        return given[name]
    if "Default" not in body:
        raise ParameterError(f"the parameter {name} has no default and no value. Pass --parameter {name}=VALUE.")
    return str(body["Default"])


def is_ssm_parameter(body: Mapping[str, Any]) -> bool:
    """Return whether the value of a parameter is the name of a parameter in SSM's parameter store."""
    return str(body.get("Type")).startswith(_SSM_PARAMETER)


def ssm_value(name: str, clients: Clients) -> str:
    """Return the value of a parameter in SSM's parameter store. Raises ParameterError."""
    client: Any = clients("ssm")
    try:
        return str(client.get_parameter(Name=name)["Parameter"]["Value"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ParameterNotFound":
            raise
        raise ParameterError(f"Unable to fetch parameters [{name}] from parameter store for this account.") from None


def _resolve(name: str, body: Mapping[str, Any], given: Mapping[str, str], clients: Clients) -> str | list[str]:
    kind, value = str(body.get("Type", "String")), given_or_default(name, body, given)
    if is_ssm_parameter(body):
        value, kind = ssm_value(value, clients), kind.removeprefix(_SSM_PARAMETER)
    else:
        _check_constraints(name, value, body)
    is_list = kind.startswith(("CommaDelimitedList", "List<"))
    return [member.strip() for member in value.split(",")] if is_list else value


def _check_constraints(name: str, value: str, body: Mapping[str, Any]) -> None:
    allowed = [str(each) for each in body.get("AllowedValues", (value,))]
    if value not in allowed:
        raise ParameterError(f"Parameter '{name}' must be one of AllowedValues: [{', '.join(allowed)}]")
    pattern = body.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        constraint = body.get("ConstraintDescription", f"must match pattern {pattern}")
        raise ParameterError(f"Parameter '{name}' failed to satisfy constraint: {constraint}")
