"""Validates requests with the constraints in botocore's model of Step Functions, in AWS's words.

https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html
"""

import base64
import functools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from botocore.model import ServiceModel, Shape

from millrace.local.core.botocore_models import matches_pattern, models
from millrace.local.core.errors import ApiError

Params = dict[str, Any]
Result = dict[str, Any]
T = TypeVar("T")

PAGE_SIZE = 100
_TYPES: dict[str, tuple[type, ...]] = {
    "structure": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
}
_INVALID_NAME = re.compile(r"[\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]")
_ARN = re.compile(r"arn:[^:]+:states:[^:]*:\d{12}:([A-Za-z]+):.+", re.DOTALL)


@functools.cache
def _model() -> ServiceModel:
    return ServiceModel(models().load_service_model("stepfunctions", "service-2"), "stepfunctions")


def operations() -> Sequence[str]:
    """Return the names of all operations of Step Functions."""
    return list(_model().operation_names)


def check(operation: str, params: Any) -> None:
    """Raise ApiError for parameters that break the constraints of an operation."""
    shape = _model().operation_model(operation).input_shape
    found = list(_violations(shape, params, "")) if shape else []
    if found:
        errors = "error" if len(found) == 1 else "errors"
        raise ApiError("ValidationException", f"{len(found)} validation {errors} detected: {'; '.join(found)}")


def _violations(shape: Any, value: Any, path: str) -> Iterator[str]:
    """Yield the broken constraints of a value and its members. Raises ApiError for a wrong type."""
    infinite = isinstance(value, float) and not math.isfinite(value)
    if type(value) not in _TYPES.get(shape.type_name, (type(value),)) or infinite:
        raise ApiError("SerializationException", f"{type(value).__name__} can not be converted to {shape.type_name}")
    sensitive = shape.metadata.get("sensitive")
    shown = "Value" if sensitive else f"Value '{value}'"
    yield from (f"{shown} at '{path}' failed to satisfy constraint: {each}" for each in _constraints(shape, value))
    if shape.type_name == "structure":
        yield from _members(shape, value, path)
    if shape.type_name == "list":
        for number, each in enumerate(value, 1):
            yield from _violations(shape.member, each, f"{path}.{number}.member")


def _members(shape: Any, value: dict[str, Any], path: str) -> Iterator[str]:
    for name, member in shape.members.items():
        inner = f"{path}.{name}" if path else name
        if value.get(name) is not None:
            yield from _violations(member, value[name], inner)
        elif name in shape.required_members:
            yield f"Value null at '{inner}' failed to satisfy constraint: Member must not be null"


def _constraints(shape: Shape, value: Any) -> Iterator[str]:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.name.startswith("SensitiveData"):
        if maximum and len(value.encode()) > maximum:
            yield f"Member must have size less than or equal to {maximum} bytes in UTF-8 encoding"
    elif minimum is not None or maximum is not None:
        measures = isinstance(value, str | list)
        size, what = (len(value), "length") if measures else (value, "value")
        if minimum is not None and size < minimum:
            yield f"Member must have {what} greater than or equal to {minimum}"
        if maximum is not None and size > maximum:
            yield f"Member must have {what} less than or equal to {maximum}"
    choices, pattern = shape.metadata.get("enum"), shape.metadata.get("pattern")
    if choices and value not in choices:
        yield f"Member must satisfy enum value set: [{', '.join(choices)}]"
    if pattern and not matches_pattern(value, pattern):
        yield f"Member must satisfy regular expression pattern: {pattern}"


def check_name(name: str) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html#StepFunctions-StartExecution-request-name."""
    if _INVALID_NAME.search(name):
        raise ApiError("InvalidName", f"Invalid Name: '{name}'")


def check_arn(arn: str, *types: str) -> None:
    """Raise ApiError unless an ARN is one of Step Functions, for one of these types of resources."""
    found = _ARN.fullmatch(arn)
    if not found:
        raise ApiError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
    if found[1] not in types:
        raise ApiError("InvalidArn", f"Invalid Arn: 'Resource type not valid in this context: {found[1]}'")


def page(found: Sequence[T], params: Params, key: Callable[[T], object]) -> tuple[list[T], dict[str, str]]:
    """Return one page of a list, and the token of the next page. `key` identifies an entry. Raises ApiError."""
    start, size, token = 0, params.get("maxResults") or PAGE_SIZE, params.get("nextToken")
    if token is not None:
        start = next((index for index, each in enumerate(found, 1) if _token(key(each)) == token), 0)
        if not start:
            raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
    entries = list(found[start : start + size])
    return entries, {"nextToken": _token(key(entries[-1]))} if start + size < len(found) else {}


def _token(key: object) -> str:
    return base64.urlsafe_b64encode(str(key).encode()).decode()


def given(result: dict[str, Any]) -> Result:
    """Return a response without the members that have no value."""
    return {name: value for name, value in result.items() if value is not None}
