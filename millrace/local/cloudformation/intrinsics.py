"""Resolution of intrinsic functions, pseudo parameters and conditions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from millrace.local.cloudformation.template import (
    SUB_VARIABLE,
    ResourceDefinition,
    Template,
    TemplateError,
    parse_get_att,
)

_FUNCTIONS = {
    "Ref": "_ref",
    "Fn::Base64": "_base64",
    "Fn::FindInMap": "_find_in_map",
    "Fn::GetAZs": "_availability_zones",
    "Fn::GetAtt": "_get_att",
    "Fn::GetStackOutput": "_stack_output",
    "Fn::If": "_if",
    "Fn::ImportValue": "_import",
    "Fn::Join": "_join",
    "Fn::Select": "_select",
    "Fn::Split": "_split",
    "Fn::Sub": "_sub",
}


_DYNAMIC_REFERENCE = re.compile(r"\{\{resolve:([\w-]+)")
_DYNAMIC_SERVICES = {"secretsmanager", "ssm", "ssm-secure"}


class UnsupportedIntrinsicError(TemplateError):
    """An intrinsic function, condition or dynamic reference that the local cloud does not resolve."""


class _NoValue:
    """The value of AWS::NoValue: the property that has it is removed."""


_NO_VALUE = _NoValue()


def unsupported_functions(value: Any, location: str) -> Iterator[UnsupportedIntrinsicError]:
    """Yield an error for each intrinsic function in a value that the local cloud does not resolve."""
    if isinstance(value, list):
        for index, member in enumerate(value):
            yield from unsupported_functions(member, f"{location}[{index}]")
    elif isinstance(value, dict):
        for name, member in value.items():
            if name.startswith("Fn::") and name not in _FUNCTIONS:
                yield UnsupportedIntrinsicError(f"{location}: the local cloud does not support {name}.")
            yield from unsupported_functions(member, f"{location}.{name}")


class ResourceValues(Protocol):
    """Values of deployed resources. Each method raises KeyError for an unknown name."""

    def ref(self, logical_id: str) -> str:
        """Return the value of Ref."""

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """Return the value of Fn::GetAtt."""

    def import_value(self, export: str) -> Any:
        """Return the value of another stack's export."""

    def stack_output(self, stack: str, name: str) -> Any:
        """Return the value of another stack's output."""


@dataclass(frozen=True)
class PseudoParameters:
    """The pseudo parameters of one stack. `id` is the last part of its ARN."""

    account: str
    region: str
    stack: str
    id: str = "millrace"
    partition: str = "aws"
    suffix: str = "amazonaws.com"

    @property
    def stack_id(self) -> str:
        """The ARN of the stack."""
        return f"arn:{self.partition}:cloudformation:{self.region}:{self.account}:stack/{self.stack}/{self.id}"

    @cached_property
    def values(self) -> dict[str, Any]:
        """The values by name."""
        return {
            "AWS::AccountId": self.account,
            "AWS::NoValue": _NO_VALUE,
            "AWS::NotificationARNs": [],
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack,
            "AWS::URLSuffix": self.suffix,
        }


class Resolver:
    """Resolves the values of one template. `parameters` has a value for each of the template's parameters."""

    def __init__(
        self, template: Template, pseudo: PseudoParameters, resources: ResourceValues, parameters: Mapping[str, Any]
    ) -> None:
        self._template = template
        self._pseudo = pseudo
        self._resources = resources
        self._parameters = {**pseudo.values, **parameters}
        self._conditions: dict[str, bool] = {}

    def properties(self, definition: ResourceDefinition) -> dict[str, Any]:
        """Return the resolved properties of a resource. Raises TemplateError."""
        found = self.resolve(dict(definition.properties), definition.location)
        if not isinstance(found, dict):
            raise TemplateError(f"{definition.location} must be a map of properties.")
        return found

    def is_included(self, item: ResourceDefinition | Mapping[str, Any]) -> bool:
        """Return whether a resource or an output has no condition or its condition is true."""
        name = item.condition if isinstance(item, ResourceDefinition) else item.get("Condition")
        return name is None or self.condition(name)

    def resolve(self, value: Any, location: str) -> Any:
        """Return a value with every function in it resolved."""
        if isinstance(value, list):
            members = [self.resolve(member, f"{location}[{index}]") for index, member in enumerate(value)]
            return [member for member in members if member is not _NO_VALUE]
        if not isinstance(value, dict):
            return self._literal(value, location)
        name = next((key for key in value if key == "Ref" or key.startswith("Fn::")), None)
        if name is None:
            found = {key: self.resolve(member, f"{location}.{key}") for key, member in value.items()}
            return {key: member for key, member in found.items() if member is not _NO_VALUE}
        if name not in _FUNCTIONS:
            raise UnsupportedIntrinsicError(f"{location}: the local cloud does not support {name}.")
        if len(value) > 1:
            raise UnsupportedIntrinsicError(f"{location}: {name} must be the only key, not one of {sorted(value)}.")
        return getattr(self, _FUNCTIONS[name])(value[name], f"{location}.{name}")

    def condition(self, name: str) -> bool:
        """Return whether a condition of the template is true."""
        if name not in self._conditions:
            conditions = self._template.body.get("Conditions", {})
            if name not in conditions:
                raise TemplateError(f"The template has no condition {name}. Add it to Conditions.")
            self._conditions[name] = self._is_true(conditions[name], f"Conditions.{name}")
        return self._conditions[name]

    def _literal(self, value: Any, location: str) -> Any:
        services = _DYNAMIC_REFERENCE.findall(value) if isinstance(value, str) else []
        if unknown := sorted(set(services) - _DYNAMIC_SERVICES):
            known = ", ".join(sorted(_DYNAMIC_SERVICES))
            raise UnsupportedIntrinsicError(
                f"{location}: {{{{resolve:{unknown[0]}:…}}}} is not supported. Use {known}."
            )
        return value

    def _ref(self, value: str, location: str) -> Any:
        if value in self._parameters:
            return self._parameters[value]
        try:
            return self._resources.ref(value)
        except KeyError:
            raise TemplateError(f"{location}: {value} is neither a deployed resource nor a parameter.") from None

    def _get_att(self, value: Any, location: str) -> Any:
        logical_id, attribute = parse_get_att(value, location)
        try:
            return self._resources.attribute(logical_id, attribute)
        except KeyError:
            raise TemplateError(
                f"{location}: resource {logical_id} does not exist or has no attribute {attribute}."
            ) from None

    def _import(self, value: Any, location: str) -> Any:
        name = self._string(value, location)
        try:
            return self._resources.import_value(name)
        except KeyError:
            raise TemplateError(f"{location}: no stack exports {name}.") from None

    def _stack_output(self, value: Any, location: str) -> Any:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getstackoutput.html."""
        given = self.resolve(value, location)
        if "RoleArn" in given or given.get("Region", self._pseudo.region) != self._pseudo.region:
            raise UnsupportedIntrinsicError(f"{location}: the local cloud reads outputs of its own region only.")
        stack, name = given["StackName"], given["OutputName"]
        try:
            return self._resources.stack_output(stack, name)
        except KeyError:
            raise TemplateError(f"{location}: no stack {stack} has an output {name}.") from None

    def _join(self, value: Any, location: str) -> str:
        separator, parts = value
        return str(separator).join(_as_text(part) for part in self._list(parts, location))

    def _sub(self, value: Any, location: str) -> str:
        text, variables = value if isinstance(value, list) else (value, {})
        values = {name: self.resolve(variable, f"{location}.{name}") for name, variable in variables.items()}

        def substitute(name: str) -> str:
            if name in values:
                return _as_text(values[name])
            return _as_text(self._get_att(name, location) if "." in name else self._ref(name, location))

        return SUB_VARIABLE.sub(lambda match: substitute(match[1].strip()), text).replace("${!", "${")

    def _select(self, value: Any, location: str) -> Any:
        index, members = int(self.resolve(value[0], location)), self._list(value[1], location)
        if not 0 <= index < len(members):
            raise TemplateError(f"{location}: index {index} is out of range of {members}.")
        return members[index]

    def _split(self, value: Any, location: str) -> list[str]:
        return self._string(value[1], location).split(value[0])

    def _if(self, value: Any, location: str) -> Any:
        name, if_true, if_false = value
        return self.resolve(if_true if self.condition(name) else if_false, location)

    def _find_in_map(self, value: Any, location: str) -> Any:
        name, *keys = (self._string(part, location) for part in value[:3])
        found = self._template.body.get("Mappings", {}).get(name, {})
        for key in keys:
            found = found.get(key, _NO_VALUE) if isinstance(found, dict) else _NO_VALUE
        if found is _NO_VALUE and len(value) > len(keys) + 1:
            return self.resolve(value[-1]["DefaultValue"], location)
        if found is _NO_VALUE:
            raise TemplateError(f"{location}: the mapping {name} has no key {'.'.join(keys)}.")
        return found

    def _base64(self, value: Any, location: str) -> str:
        return base64.b64encode(self._string(value, location).encode()).decode()

    def _availability_zones(self, value: Any, location: str) -> list[str]:
        region = self._string(value, location) or self._pseudo.region
        return [f"{region}{zone}" for zone in "abc"]

    def _is_true(self, value: Any, location: str) -> bool:
        match value:
            case {"Condition": str(name)}:
                return self.condition(name)
            case {"Fn::Equals": [one, other]}:
                return bool(self.resolve(one, location) == self.resolve(other, location))
            case {"Fn::And": list(parts)}:
                return all(self._is_true(part, location) for part in parts)
            case {"Fn::Or": list(parts)}:
                return any(self._is_true(part, location) for part in parts)
            case {"Fn::Not": [part]}:
                return not self._is_true(part, location)
        raise UnsupportedIntrinsicError(f"{location}: the local cloud does not support this condition: {value!r}")

    def _string(self, value: Any, location: str) -> str:
        found = self.resolve(value, location)
        if not isinstance(found, str):
            raise TemplateError(f"{location} must be a string, not {found!r}.")
        return found

    def _list(self, value: Any, location: str) -> list[Any]:
        found = self.resolve(value, location)
        if not isinstance(found, list):
            raise TemplateError(f"{location} must be a list, not {found!r}.")
        return found


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
