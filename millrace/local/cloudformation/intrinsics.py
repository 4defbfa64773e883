"""Intrinsic functions and conditions, resolved against what stands.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from millrace.local.cloudformation.template import SUB, Entry, Template, TemplateError, get_att

_FUNCTIONS = {
    "Ref": "_ref",
    "Fn::Base64": "_base64",
    "Fn::FindInMap": "_find",
    "Fn::GetAZs": "_zones",
    "Fn::GetAtt": "_get_att",
    "Fn::If": "_if",
    "Fn::ImportValue": "_import",
    "Fn::Join": "_join",
    "Fn::Select": "_select",
    "Fn::Split": "_split",
    "Fn::Sub": "_sub",
}


class UnknownIntrinsic(TemplateError):
    """A function that is not resolved here. The text names it and its place."""


class _Nothing:
    """What AWS::NoValue leaves: the property that holds it is not there."""


_NOTHING = _Nothing()


class Standing(Protocol):
    """What resources that stand give. Each raises KeyError for what is not there."""

    def ref(self, logical_id: str) -> str:
        """What Ref gives."""

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """What Fn::GetAtt gives."""

    def imported(self, export: str) -> Any:
        """What another stack exports."""


@dataclass(frozen=True)
class Pseudo:
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
        """Each by its name in a template."""
        return {
            "AWS::AccountId": self.account,
            "AWS::NoValue": _NOTHING,
            "AWS::NotificationARNs": [],
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.stack,
            "AWS::URLSuffix": self.suffix,
        }


class Resolver:
    """Resolves the values of one template. `parameters` holds a value for each parameter of the template."""

    def __init__(self, template: Template, pseudo: Pseudo, standing: Standing, parameters: Mapping[str, Any]) -> None:
        self._template = template
        self._pseudo = pseudo
        self._standing = standing
        self._names = {**pseudo.values, **parameters}
        self._conditions: dict[str, bool] = {}

    def properties(self, entry: Entry) -> dict[str, Any]:
        """The properties of a resource, resolved. Raises TemplateError, which names the place."""
        found = self.resolve(dict(entry.properties), entry.place)
        if not isinstance(found, dict):
            raise TemplateError(f"{entry.place} has to be a map of properties.")
        return found

    def stands(self, body: Entry | Mapping[str, Any]) -> bool:
        """Whether the condition of a resource or an output holds."""
        name = body.condition if isinstance(body, Entry) else body.get("Condition")
        return name is None or self.condition(name)

    def resolve(self, value: Any, place: str) -> Any:
        """A value with every function in it resolved."""
        if isinstance(value, list):
            members = [self.resolve(each, f"{place}[{index}]") for index, each in enumerate(value)]
            return [each for each in members if each is not _NOTHING]
        if not isinstance(value, dict):
            return self._plain(value, place)
        name = next((key for key in value if key == "Ref" or key.startswith("Fn::")), None)
        if name is None:
            found = {key: self.resolve(inner, f"{place}.{key}") for key, inner in value.items()}
            return {key: inner for key, inner in found.items() if inner is not _NOTHING}
        if len(value) > 1 or name not in _FUNCTIONS:
            raise UnknownIntrinsic(f"{place}: {name} is not resolved here, or not beside other keys: {sorted(value)}.")
        return getattr(self, _FUNCTIONS[name])(value[name], f"{place}.{name}")

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds."""
        if name not in self._conditions:
            given = self._template.body.get("Conditions", {})
            if name not in given:
                raise TemplateError(f"There is no condition {name}.")
            self._conditions[name] = self._holds(given[name], f"Conditions.{name}")
        return self._conditions[name]

    def _plain(self, value: Any, place: str) -> Any:
        if isinstance(value, str) and "{{resolve:" in value.replace("{{resolve:secretsmanager:", ""):
            raise UnknownIntrinsic(f"{place}: a dynamic reference is not resolved here: {value}")
        return value

    def _ref(self, value: str, place: str) -> Any:
        if value in self._names:
            return self._names[value]
        try:
            return self._standing.ref(value)
        except KeyError:
            raise TemplateError(f"{place}: {value} is no resource that stands, and no parameter.") from None

    def _get_att(self, value: Any, place: str) -> Any:
        logical_id, attribute = get_att(value, place)
        try:
            return self._standing.attribute(logical_id, attribute)
        except KeyError:
            raise TemplateError(f"{place}: {logical_id} does not stand, or has no {attribute}.") from None

    def _import(self, value: Any, place: str) -> Any:
        name = self._text(value, place)
        try:
            return self._standing.imported(name)
        except KeyError:
            raise TemplateError(f"{place}: no stack exports {name}.") from None

    def _join(self, value: Any, place: str) -> str:
        separator, parts = value
        return str(separator).join(_written(each) for each in self._list(parts, place))

    def _sub(self, value: Any, place: str) -> str:
        text, own = value if isinstance(value, list) else (value, {})
        names = {name: self.resolve(inner, f"{place}.{name}") for name, inner in own.items()}

        def found(name: str) -> str:
            if name in names:
                return _written(names[name])
            return _written(self._get_att(name, place) if "." in name else self._ref(name, place))

        return SUB.sub(lambda match: found(match[1].strip()), text).replace("${!", "${")

    def _select(self, value: Any, place: str) -> Any:
        index, members = int(self.resolve(value[0], place)), self._list(value[1], place)
        if not 0 <= index < len(members):
            raise TemplateError(f"{place}: there is no member {index} of {members}.")
        return members[index]

    def _split(self, value: Any, place: str) -> list[str]:
        return self._text(value[1], place).split(value[0])

    def _if(self, value: Any, place: str) -> Any:
        name, then, other = value
        return self.resolve(then if self.condition(name) else other, place)

    def _find(self, value: Any, place: str) -> Any:
        name, *keys = (self._text(each, place) for each in value[:3])
        found = self._template.body.get("Mappings", {}).get(name, {})
        for key in keys:
            found = found.get(key, _NOTHING) if isinstance(found, dict) else _NOTHING
        if found is _NOTHING and len(value) > len(keys) + 1:
            return self.resolve(value[-1]["DefaultValue"], place)
        if found is _NOTHING:
            raise TemplateError(f"{place}: the mapping {name} has no {'.'.join(keys)}.")
        return found

    def _base64(self, value: Any, place: str) -> str:
        return base64.b64encode(self._text(value, place).encode()).decode()

    def _zones(self, value: Any, place: str) -> list[str]:
        region = self._text(value, place) or self._pseudo.region
        return [f"{region}{letter}" for letter in "abc"]

    def _holds(self, value: Any, place: str) -> bool:
        match value:
            case {"Condition": str(name)}:
                return self.condition(name)
            case {"Fn::Equals": [one, other]}:
                return bool(self.resolve(one, place) == self.resolve(other, place))
            case {"Fn::And": list(parts)}:
                return all(self._holds(each, place) for each in parts)
            case {"Fn::Or": list(parts)}:
                return any(self._holds(each, place) for each in parts)
            case {"Fn::Not": [part]}:
                return not self._holds(part, place)
        raise UnknownIntrinsic(f"{place}: this is no condition that is resolved here: {value!r}")

    def _text(self, value: Any, place: str) -> str:
        found = self.resolve(value, place)
        if not isinstance(found, str):
            raise TemplateError(f"{place} has to be a text, not {found!r}.")
        return found

    def _list(self, value: Any, place: str) -> list[Any]:
        found = self.resolve(value, place)
        if not isinstance(found, list):
            raise TemplateError(f"{place} has to be a list, not {found!r}.")
        return found


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
