"""Attribute values on the wire, and the same as moto stores them.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

import base64
import operator
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Attributes = Mapping[str, Any]
"""The attributes of an item by name, as moto's `DynamoType`."""

_MAX_DEPTH = 32
_ORDERINGS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_SETS = ("SS", "NS")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,37})(?:\.\d{1,37})?")
_MAX_DIGITS = 38


class UnsupportedRequestError(Exception):
    """A request is invalid or unusual: moto handles it, and words the error."""


def parse(wire: Any, depth: int = 0) -> Any:
    """Return moto's attribute value. Raises UnsupportedRequestError unless the value is valid and common."""
    if not isinstance(wire, dict) or len(wire) != 1 or depth > _MAX_DEPTH:
        raise UnsupportedRequestError
    ((kind, value),) = wire.items()
    if not _is_valid(kind, value):
        raise UnsupportedRequestError
    if kind == "M":
        value = {name: parse(each, depth + 1) for name, each in value.items()}
    elif kind == "L":
        value = [parse(each, depth + 1) for each in value]
    return new(kind, value)


def new(kind: str, value: Any) -> Any:
    """Return moto's attribute value of a type and its stored value."""
    from moto.dynamodb.models.dynamo_type import DynamoType

    made: Any = object.__new__(DynamoType)
    made.type, made.value = kind, value
    return made


def render(value: Any) -> dict[str, Any]:
    """Return the wire form of moto's attribute value. Raises UnsupportedRequestError if it contains binary."""
    kind, content = value.type, value.value
    if kind in ("B", "BS"):
        raise UnsupportedRequestError
    if kind == "M":
        content = {name: render(each) for name, each in content.items()}
    elif kind == "L":
        content = [render(each) for each in content]
    return {kind: content}


def find(attributes: Attributes, path: tuple[str | int, ...]) -> Any:
    """Return the attribute value at a document path; None if there is none."""
    value = attributes.get(path[0])  # type: ignore[arg-type]
    for part in path[1:]:
        if value is None:
            return None
        if isinstance(part, str):
            value = value.value.get(part) if value.type == "M" else None
        else:
            value = value.value[part] if value.type == "L" and part < len(value.value) else None
    return value


def item_bytes(wire: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the size of an item: of its names and values.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    return sum(len(name.encode()) + _value_bytes(value) for name, value in wire.items())


def _value_bytes(wire: Mapping[str, Any]) -> int:
    ((kind, value),) = wire.items()
    if kind == "M":
        return 3 + len(value) + item_bytes(value)
    if kind == "L":
        return 3 + len(value) + sum(map(_value_bytes, value))
    if kind in ("SS", "NS", "BS"):
        return sum(_value_bytes({kind[0]: each}) for each in value)
    if kind == "N":
        return (len(value.strip("-0.").replace(".", "")) + 1) // 2 + 1
    if kind == "B":
        return len(base64.b64decode(value)) if isinstance(value, str) else len(value)
    return len(value.encode()) if kind == "S" else 1


def _is_valid(kind: str, value: Any) -> bool:
    if kind == "S":
        return isinstance(value, str)
    if kind == "N":
        return isinstance(value, str) and _is_number(value)
    if kind == "BOOL":
        return isinstance(value, bool)
    if kind in ("SS", "NS"):
        return _is_valid_set(value, kind[0])
    return (kind == "NULL" and value is True) or (kind == "M" and isinstance(value, dict)) or _is_list(kind, value)


def _is_list(kind: str, value: Any) -> bool:
    return kind == "L" and isinstance(value, list)


def _is_valid_set(values: Any, kind: str) -> bool:
    if not isinstance(values, list) or not values:
        return False
    return all(_is_valid(kind, value) for value in values) and len(set(values)) == len(values)


def _is_number(text: str) -> bool:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-data-types-number."""
    return bool(_NUMBER.fullmatch(text)) and sum(map(str.isdigit, text)) <= _MAX_DIGITS


def equal(left: Any, right: Any) -> bool:
    """Return whether two attribute values are equal; a missing one equals nothing. Raises UnsupportedRequestError."""
    if left is None and right is None:
        raise UnsupportedRequestError
    return left is not None and right is not None and bool(left == right)


def ordered(comparator: str, left: Any, right: Any) -> bool:
    """Return whether two attribute values of one type are in an order. Raises UnsupportedRequestError."""
    if left is None or right is None or left.type != right.type:
        return False
    if left.type == "S":
        return bool(_ORDERINGS[comparator](left.value, right.value))
    if left.type != "N":
        raise UnsupportedRequestError
    return bool(_ORDERINGS[comparator](Decimal(left.value), Decimal(right.value)))


def begins_with(value: Any, start: Any) -> bool:
    """Return whether a string begins with another one. Raises UnsupportedRequestError."""
    if start is None or start.type != "S":
        raise UnsupportedRequestError
    return value is not None and value.type == "S" and value.value.startswith(start.value)


def contains(value: Any, element: Any) -> bool:
    """Return whether a string, list or set contains an element. Raises UnsupportedRequestError."""
    if element is None:
        raise UnsupportedRequestError
    if value is None:
        return False
    if value.type == "S":
        return element.type == "S" and element.value in value.value
    if value.type == "L":
        return any(each == element for each in value.value)
    return value.type in _SETS and value.type[0] == element.type and element.value in value.value


def add(left: Any, right: Any, sign: int = 1) -> Any:
    """Return the sum of two numbers. Raises UnsupportedRequestError."""
    if left is None or right is None or (left.type, right.type) != ("N", "N"):
        raise UnsupportedRequestError
    return left + right if sign > 0 else left - right


def joined(left: Any, right: Any) -> Any:
    """Return two lists as one. Raises UnsupportedRequestError."""
    if left is None or right is None or (left.type, right.type) != ("L", "L"):
        raise UnsupportedRequestError
    return new("L", [*left.value, *right.value])
