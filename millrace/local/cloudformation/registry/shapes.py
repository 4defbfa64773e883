"""Values of a template brought into the form that AWS's API takes, by botocore's own model of that API.

CloudFormation and the APIs behind it differ in small ways: the case of a key, a number written as a string, a JSON
document where the API wants its text, tags as a list of pairs where it wants a map. The shape of the argument says
which is meant, so that no resource type has to.
"""

import json
from collections.abc import Callable
from typing import Any

from botocore.model import MapShape, Shape, StructureShape


class NoSuchMember(KeyError):
    """A key that the API has no member for; its argument is the path below the property, as `.Outer[0].Inner`."""


def member(shape: Shape, name: str) -> tuple[str, Shape]:
    """The member of a structure, or the value of a map, that a name means. Raises NoSuchMember."""
    if isinstance(shape, MapShape):
        return name, shape.value
    members = shape.members if isinstance(shape, StructureShape) else {}
    if name in members:
        return name, members[name]
    for other, found in members.items():
        if other.lower() == name.lower():
            return other, found
    raise NoSuchMember(f".{name}")


def shaped(value: Any, shape: Shape) -> Any:
    """The value as the shape wants it. Raises NoSuchMember with the path of what has no place in it."""
    return _BY_TYPE.get(shape.type_name, _as_is)(value, shape)


def _as_is(value: Any, _: Shape) -> Any:
    return value


def _structure(value: Any, shape: Any) -> Any:
    if not isinstance(value, dict):
        return value
    found = {}
    for key, inner in value.items():
        name, inner_shape = member(shape, key)
        found[name] = _below(f".{key}", inner, inner_shape)
    return found


def _list(value: Any, shape: Any) -> Any:
    if not isinstance(value, list | tuple):
        return [shaped(value, shape.member)]
    return [_below(f"[{index}]", each, shape.member) for index, each in enumerate(value)]


def _map(value: Any, shape: Any) -> Any:
    if isinstance(value, list):
        value = {pair["Key"]: pair["Value"] for pair in value}
    if not isinstance(value, dict):
        return value
    return {key: _below(f".{key}", inner, shape.value) for key, inner in value.items()}


def _below(step: str, value: Any, shape: Shape) -> Any:
    try:
        return shaped(value, shape)
    except NoSuchMember as error:
        raise NoSuchMember(f"{step}{error.args[0]}") from None


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


_BY_TYPE: dict[str, Callable[[Any, Shape], Any]] = {
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
