"""Conversion of template values to the shapes of AWS's API, by botocore's model.

CloudFormation differs from the APIs in the case of keys, in numbers written as strings, in JSON documents where the
API takes text, and in lists of tags where the API takes a map. The shape of the argument decides.
"""

import json
from collections.abc import Callable
from typing import Any

from botocore.model import MapShape, Shape, StructureShape

from millrace.local.cloudformation.registry.errors import UnknownMemberError


def find_member(shape: Shape, name: str) -> tuple[str, Shape]:
    """Return a member of a structure, ignoring case, or the value of a map. Raises UnknownMemberError."""
    if isinstance(shape, MapShape):
        return name, shape.value
    members = shape.members if isinstance(shape, StructureShape) else {}
    if name in members:
        return name, members[name]
    for other, found in members.items():
        if other.lower() == name.lower():
            return other, found
    raise UnknownMemberError(f".{name}")


def convert(value: Any, shape: Shape) -> Any:
    """Return the value in the form of the shape. Raises UnknownMemberError."""
    converter = _CONVERTERS.get(shape.type_name)
    return converter(value, shape) if converter else value


def _structure(value: Any, shape: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {}
    for key, member in value.items():
        name, member_shape = find_member(shape, key)
        found[name] = _convert_member(f".{key}", member, member_shape)
    return found


def _list(value: Any, shape: Any) -> Any:
    if not isinstance(value, list | tuple):
        return [convert(value, shape.member)]
    return [_convert_member(f"[{index}]", member, shape.member) for index, member in enumerate(value)]


def _map(value: Any, shape: Any) -> Any:
    if isinstance(value, list):
        value = {pair["Key"]: pair["Value"] for pair in value}
    if not isinstance(value, dict):
        return value
    return {key: _convert_member(f".{key}", member, shape.value) for key, member in value.items()}


def _convert_member(path: str, value: Any, shape: Shape) -> Any:
    try:
        return convert(value, shape)
    except UnknownMemberError as error:
        raise UnknownMemberError(f"{path}{error.args[0]}") from None


def _string(value: Any, _: Shape) -> Any:
    if isinstance(value, dict | list | bool):
        return json.dumps(value)
    return value if isinstance(value, str) else str(value)


def _integer(value: Any, _: Shape) -> Any:
    return int(value) if isinstance(value, str | float) else value


def _float(value: Any, _: Shape) -> Any:
    return float(value) if isinstance(value, str) else value


def _boolean(value: Any, _: Shape) -> Any:
    return value.lower() == "true" if isinstance(value, str) else value


_CONVERTERS: dict[str, Callable[[Any, Shape], Any]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
}
