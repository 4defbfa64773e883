"""Validation of requests that moto answers, against botocore's models of the services.

moto checks little, and fails on parameters that AWS rejects.
https://smithy.io/2.0/spec/constraint-traits.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any
from xml.parsers.expat import ExpatError

from millrace.local.core.botocore_models import matches_pattern
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.http import Request, Response
from millrace.local.core.unsupported import error_response, named, service_model
from millrace.local.services.iam import Call, call_of, scope_of

_CHECKED = frozenset(
    {
        "apigateway",
        "dynamodb",
        "events",
        "firehose",
        "kinesis",
        "lambda",
        "logs",
        "pipes",
        "scheduler",
        "sns",
        "sqs",
        "states",
    }
)
"""Signing names of the services whose requests are checked."""
_QUERY = "query"
_OPEN = frozenset({"QueueAttributeName", "Runtime"})
"""Enumerations whose members botocore does not list all: ReceiveMessage accepts the system attributes of messages, and
AWS adds runtimes often."""
_ENUMS = {"EventSourcePosition": ("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")}
"""AWS's order of members where it is recorded; botocore has another one."""
_CODES = {"apigateway": "BadRequestException", "logs": "InvalidParameterException", "sns": "InvalidParameter"}
_ENTITIES = "entities are disabled"
"""The error of moto's XML parser for a document type with entities, which could expand to any size."""
_MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
"""https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"""
_NUMBERS = ("integer", "long", "float", "double")
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "structure": dict,
    "list": list,
    "map": dict,
    "string": str,
    "blob": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
}
_NOT_FOUND = re.compile("NotFound|NoSuch|NonExist|DoesNotExist")
_INVALID = re.compile("Validation|InvalidParameter|InvalidArgument|InvalidRequest|BadRequest|Invalid")


class _WrongTypeError(TypeError):
    """A parameter with another type than the model's."""


def refusal(request: Request) -> Response | None:
    """Return AWS's error for parameters that are missing, out of range or of a wrong type; None if they are valid."""
    call = _call(request)
    operation = _operation(request, call)
    if call is None or operation is None or operation.input_shape is None or _is_of_http_apis(request):
        return None  # HTTP APIs check their parameters on their own
    protocol = operation.service_model.protocol
    if protocol == _QUERY:
        found = list(_of_form(call.params, operation.input_shape))
    elif protocol == "rest-json" or "x-amz-target" in request.headers:
        try:
            found = list(_of_structure(call.params, operation.input_shape, ""))
        except _WrongTypeError as error:
            return error_response(request, "SerializationException", str(error), 400)
    else:
        return None
    return _violated(request, found) if found else None


def moto_failed(request: Request, error: Exception) -> Response | None:
    """Return AWS's error for parameters on which moto failed; None for a service that is not checked.

    moto fails where it does not find a resource, or where it does not expect a value.
    """
    if isinstance(error, ExpatError) or str(error) == _ENTITIES:
        return error_response(request, "MalformedXML", _MALFORMED, 400)
    if request.service not in _CHECKED:
        return None
    call = _call(request)
    operation = _operation(request, call)
    if call is None or operation is None:
        return error_response(request, "UnknownOperationException", f"{named(request)} is not an operation.", 404)
    if operation.input_shape and (found := list(_of_patterns(call.params, operation.input_shape))):
        return _violated(request, found)
    code, status = _error_of(operation, error)
    text = f"{named(request)} does not accept these parameters: moto failed with {type(error).__name__}: {error}"
    return error_response(request, code, text, status)


def _call(request: Request) -> Call | None:
    scope = scope_of(request)
    try:
        return call_of(request, scope, "") if scope and request.service in _CHECKED else None
    except (UnsupportedPolicyError, UnicodeDecodeError):
        return None


def _operation(request: Request, call: Call | None) -> Any:
    model = service_model("apigatewayv2" if _is_of_http_apis(request) else request.service) if call else None
    return model.operation_model(call.operation) if call and model and call.operation in model.operation_names else None


def _is_of_http_apis(request: Request) -> bool:
    """Return whether a request is one of HTTP APIs, which have the signing name of REST APIs and another model."""
    return request.service == "apigateway" and request.path.startswith("/v2/")


def _of_structure(value: Mapping[str, Any], shape: Any, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None and _is_in_body(shape, name):
            yield f"Value null at '{_below(path, name)}' failed to satisfy constraint: Member must not be null"
    for name, member in shape.members.items():
        if value.get(name) is not None and _is_in_body(shape, name):
            yield from _of_value(value[name], member, _below(path, name))


def _is_in_body(shape: Any, name: str) -> bool:
    return "payload" not in shape.serialization and shape.members[name].serialization.get("location") is None


def _of_value(value: Any, shape: Any, path: str) -> Iterator[str]:
    if getattr(shape, "is_document_type", False) or value is None:
        return
    if not _is_type(value, shape.type_name):
        raise _WrongTypeError(f"The parameter {path} must have the type {shape.type_name}.")
    yield from _of_range(value, shape, path)
    if shape.type_name == "structure":
        yield from _of_structure(value, shape, path)
    elif shape.type_name == "list":
        for number, member in enumerate(value, 1):
            yield from _of_value(member, shape.member, f"{path}.{number}.member")
    elif shape.type_name == "map":
        yield from _of_map(value, shape, path)


def _of_map(value: Mapping[str, Any], shape: Any, path: str) -> Iterator[str]:
    """Yield the constraints on keys and values. AWS shows the whole map as Java does, with every constraint."""
    start = f"Value '{{{', '.join(f'{key}={member}' for key, member in value.items())}}}' at '{path}'"
    for what, each, members in (("keys", shape.key, value), ("value", shape.value, value.values())):
        if any(True for member in members for _ in _of_range(member, each, path)):
            rules = ", ".join([*_rules(each), "Member must not be null"])
            yield f"{start} failed to satisfy constraint: Map {what} must satisfy constraint: [{rules}]"
    if shape.value.type_name in ("structure", "list", "map"):
        for key, member in value.items():
            yield from _of_value(member, shape.value, f"{path}.{key}.member")
    elif not all(member is None or _is_type(member, shape.value.type_name) for member in value.values()):
        raise _WrongTypeError(f"The values of the parameter {path} must have the type {shape.value.type_name}.")


def _rules(shape: Any) -> Iterator[str]:
    """Yield the constraints of a shape as AWS names them."""
    what = "value" if shape.type_name in _NUMBERS else "length"
    for name, bound in (("max", "less"), ("min", "greater")):
        if shape.metadata.get(name) is not None:
            yield f"Member must have {what} {bound} than or equal to {shape.metadata[name]}"
    if shape.metadata.get("pattern"):
        yield f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}"
    if shape.type_name == "string" and shape.enum:
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def _is_type(value: Any, kind: str) -> bool:
    if kind in _NUMBERS and isinstance(value, bool):
        return False
    if kind in ("integer", "long") and isinstance(value, float):
        return value.is_integer()
    return kind not in _TYPES or isinstance(value, _TYPES[kind])


def _of_range(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Yield the constraints on a value's size and members that it breaks."""
    start = f"Value '{value}' at '{path}' failed to satisfy constraint: Member must "
    if shape.type_name == "string" and shape.enum and shape.name not in _OPEN and value not in shape.enum:
        yield f"{start}satisfy enum value set: [{', '.join(_ENUMS.get(shape.name, shape.enum))}]"
    is_number = shape.type_name in _NUMBERS
    if shape.type_name == "blob" or not (is_number or hasattr(value, "__len__")):
        return
    size, what = (value, "value") if is_number else (len(value), "length")
    least, most = (shape.metadata.get(name) for name in ("min", "max"))
    if least is not None and size < least:
        yield f"{start}have {what} greater than or equal to {least}"
    if most is not None and size > most:
        yield f"{start}have {what} less than or equal to {most}"


def _of_form(form: Mapping[str, str], shape: Any) -> Iterator[str]:
    """Yield the missing and invalid parameters of the query protocol, at the top level."""
    for name in shape.required_members:
        if not any(key == name or key.startswith(f"{name}.") for key in form):
            yield f"Value null at '{_below('', name)}' failed to satisfy constraint: Member must not be null"
    for name, member in shape.members.items():
        if name in form and member.type_name == "string":
            yield from _of_range(form[name], member, _below("", name))


def _of_patterns(params: Mapping[str, Any], shape: Any) -> Iterator[str]:
    """Yield the texts at the top level that do not match their pattern."""
    for name, member in shape.members.items():
        value, pattern = params.get(name), member.metadata.get("pattern")
        if isinstance(value, str) and pattern and not matches_pattern(value, pattern):
            start = f"Value '{value}' at '{_below('', name)}' failed to satisfy constraint"
            yield f"{start}: Member must satisfy regular expression pattern: {pattern}"


def _error_of(operation: Any, error: Exception) -> tuple[str, int]:
    """Return the code and status of the declared error that fits best."""
    missing = isinstance(error, KeyError) or "NoneType" in str(error)
    for pattern in (_NOT_FOUND, _INVALID) if missing else (_INVALID,):
        for shape in operation.error_shapes:
            if pattern.search(shape.name):
                declared = shape.metadata.get("error") or {}
                status = int(declared.get("httpStatusCode", 400))
                return str(declared.get("code", shape.name)), status if status < 500 else 400  # noqa: PLR2004 - server
    return ("ValidationError" if operation.service_model.protocol == _QUERY else "ValidationException"), 400


def _violated(request: Request, found: list[str]) -> Response:
    code = _CODES.get(request.service) or ("ValidationError" if "Action=" in _text(request) else "ValidationException")
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected"
    return error_response(request, code, f"{count}: {'; '.join(found)}", 400)


def _text(request: Request) -> str:
    return f"{request.query}{request.body[:200].decode(errors='replace')}"


def _below(path: str, name: str) -> str:
    own = name[:1].lower() + name[1:]
    return f"{path}.{own}" if path else own
