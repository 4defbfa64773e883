"""Validates the mocked results of TestState with botocore's models of the mocked services.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_MockInput.html
"""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import OperationNotFoundError, ServiceModel, Shape

from millrace.local.core.botocore_models import models
from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.interpreter.definition import Resource

_BOTO_NAMES = {"cloudwatchlogs": "logs", "eventbridge": "events", "sfn": "stepfunctions", "states": "stepfunctions"}
_EXPECTED: dict[str, tuple[str, tuple[type, ...]]] = {
    "structure": ("an object", (dict,)),
    "map": ("an object", (dict,)),
    "list": ("an array", (list,)),
    "string": ("a string", (str,)),
    "timestamp": ("a string", (str,)),
    "blob": ("a string", (str,)),
    "boolean": ("a boolean", (bool,)),
    "integer": ("a number", (int,)),
    "long": ("a number", (int,)),
    "float": ("a number", (int, float)),
    "double": ("a number", (int, float)),
}


def check_result(resource: Resource, result: Any, mode: str) -> None:
    """Raise ApiError for a result that the service would not return. `mode` is a fieldValidationMode."""
    shape = _output_shape(resource) if mode != "NONE" else None
    if shape is None:
        return
    if not isinstance(result, dict):
        raise ApiError("ValidationException", "Mocked result must be a JSON object.")
    problem = next(_problems(shape, result, "", strict=mode == "STRICT"), None)
    if problem:
        raise ApiError("ValidationException", f"Mock result schema validation error: {problem}")


def _output_shape(resource: Resource) -> Shape | None:
    """Return the shape of the response; None if botocore has no model of the integration."""
    service, action = resource.service.removeprefix("aws-sdk:"), resource.action.rpartition(":")[2]
    if not action or resource.pattern or service in ("apigateway", "http"):
        return None
    name = _BOTO_NAMES.get(service, service)
    try:
        model = ServiceModel(models().load_service_model(name, "service-2"), name)
        return model.operation_model(action[0].upper() + action[1:]).output_shape
    except (UnknownServiceError, OperationNotFoundError):
        return None


def _problems(shape: Any, value: Any, field: str, *, strict: bool) -> Iterator[str]:
    expected, types = _EXPECTED.get(shape.type_name, ("", ()))
    if types and (type(value) not in types):
        yield f"Field '{field}' must be {expected}"
        return
    yield from _broken_constraints(shape, value, field)
    if shape.type_name == "structure":
        yield from _member_problems(shape, value, strict=strict)
    elif shape.type_name == "list":
        for each in value:
            yield from _problems(shape.member, each, field, strict=strict)
    elif shape.type_name == "map":
        for each in value.values():
            yield from _problems(shape.value, each, field, strict=strict)


def _member_problems(shape: Any, value: dict[str, Any], *, strict: bool) -> Iterator[str]:
    """Yield the problems of known members. Step Functions writes their names with a capital letter."""
    members = {name[0].upper() + name[1:]: member for name, member in shape.members.items()}
    required = [name[0].upper() + name[1:] for name in shape.required_members] if strict else []
    yield from (f"Required field '{name}' is missing" for name in required if name not in value)
    for name, member in members.items():
        if name in value:
            yield from _problems(member, value[name], name, strict=strict)


def _broken_constraints(shape: Any, value: Any, field: str) -> Iterator[str]:
    minimum, maximum = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        yield f"Field '{field}' is not an expected value"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return
    size, small, large = value, "is less than the minimum value", "exceeds the maximum value"
    if isinstance(value, str):
        size, small, large = len(value), "is smaller than the minimum length", "exceeds the maximum length"
    if minimum is not None and size < minimum:
        yield f"Field '{field}' {small}"
    if maximum is not None and size > maximum:
        yield f"Field '{field}' {large}"
