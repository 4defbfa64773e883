"""Error responses for unsupported operations and for failures of moto, with the operation's name.

AWS's SDKs do not retry these statuses. They retry 500, 502, 503 and 504 for half a minute:
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from millrace.local.core.http import Request, Response, valid_xml

_UNSUPPORTED = 400
_FAILED = 501
_NOT_FOUND = 404
_IGNORED_SUBRESOURCES = frozenset(
    {
        "abac",
        "analytics",
        "intelligent-tiering",
        "metadataConfiguration",
        "metadataTable",
        "metrics",
        "renameObject",
        "requestPayment",
        "session",
        "torrent",
    }
)
_XML_ERRORS = {
    "ec2": "<Response><Errors><Error>{}</Error></Errors><RequestID>millrace</RequestID></Response>",
    "query": "<ErrorResponse><Error><Type>Sender</Type>{}</Error><RequestId>millrace</RequestId></ErrorResponse>",
    "rest-xml": "<Error>{}</Error>",
}
_MOTO_NAMES = {"monitoring": "cloudwatch", "states": "stepfunctions", "email": "ses", "elasticloadbalancing": "elbv2"}


def unimplemented(request: Request, reason: str = "") -> Response:
    """Return the response to an operation that neither the local cloud nor moto supports."""
    text = f"{named(request)} is not implemented by Millrace's local cloud.{reason and f' ({reason})'}"
    return error_response(request, "NotImplemented", text, _UNSUPPORTED)


def failed(request: Request, error: BaseException) -> Response:
    """Return the response to an exception in moto or the local cloud. moto raises one for unsupported services."""
    if request.service and not _has_backend(request.service):
        return unimplemented(request)
    text = f"{named(request)} failed within Millrace's local cloud: {type(error).__name__}: {error}"
    return error_response(request, "InternalFailure", text, _FAILED)


def _has_backend(service: str) -> bool:
    """Return whether moto has a service, by its signing name."""
    from moto.backend_index import backend_url_patterns

    return any(pattern.match(f"http://{service}.us-east-1.amazonaws.com") for _, pattern in backend_url_patterns)


def is_dropped(request: Request) -> bool:
    """Return whether moto would ignore the subresource of a bucket and change the bucket itself."""
    if request.service != "s3":
        return False
    return not _IGNORED_SUBRESOURCES.isdisjoint(name for name, _ in parse_qsl(request.query, keep_blank_values=True))


def is_unknown(request: Request, response: Response) -> bool:
    """Return whether moto has no route for a path: it returns an HTML page or an empty body."""
    if response.status != _NOT_FOUND or request.method == "HEAD" or request.service in ("s3", ""):
        return False
    return not response.body or response.body.lstrip()[:9].lower() == b"<!doctype"


def named(request: Request) -> str:
    """Return the service and operation of a request for messages; method and path if the operation is unknown."""
    service = request.service or request.operation.partition(".")[0] or "an unsigned request"
    action = request.operation.rpartition(".")[2] or _form(request).get("Action") or _by_route(request)
    return f"{service} {action or f'{request.method} {request.path}'}"


def _form(request: Request) -> dict[str, str]:
    if not _is_form(request):
        return dict(parse_qsl(request.query))
    return dict(parse_qsl(f"{request.query}&{request.body.decode(errors='replace')}"))


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _by_route(request: Request) -> str | None:
    """Return the operation of a REST API request from botocore's model; None if it has none."""
    given = {name for name, _ in parse_qsl(request.query, keep_blank_values=True)}
    found = [
        (len(required), len(literal), name)
        for method, pattern, required, literal, name in _routes(request.service)
        if method == request.method and required <= given and pattern.fullmatch(request.path)
    ]
    return max(found)[-1] if found else None


@cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], frozenset[str], str, str]]:
    """Return method, pattern of the path, parameters in the query, literal text and name of each operation."""
    model = service_model(service)
    routes = []
    for name in model.operation_names if model else ():
        operation = model.operation_model(name)
        http = operation.http
        path, _, query = http.get("requestUri", "/").partition("?")
        pattern = re.sub(r"\\{\w+(\\\+)?\\}", lambda match: ".+" if match[1] else "[^/]+", re.escape(path))
        required = frozenset([*(part.partition("=")[0] for part in query.split("&") if part), *_required(operation)])
        routes.append((http["method"], re.compile(pattern), required, re.sub(r"{.*?}", "", path), name))
    return routes


def _required(operation: Any) -> Iterator[str]:
    """Yield the parameters in the query that an operation requires."""
    shape = operation.input_shape
    for name in shape.required_members if shape else ():
        if shape.members[name].serialization.get("location") == "querystring":
            yield shape.members[name].serialization["name"]


def error_response(request: Request, code: str, text: str, status: int) -> Response:
    """Return an error in the protocol of the request's service."""
    protocol = "query" if _is_form(request) and request.service != "ec2" else _protocol(request.service)
    if protocol not in _XML_ERRORS:
        return Response.error(code, text, status)
    error = f"<Code>{code}</Code><Message>{escape(text)}</Message>"
    return Response(status, valid_xml(_XML_ERRORS[protocol].format(error).encode()), (("content-type", "text/xml"),))


def _protocol(service: str) -> str:
    model = service_model(service)
    return str(model.protocol) if model else "json"


@cache
def service_model(service: str) -> Any:
    """Return botocore's model of a service by its signing name; None if it has none."""
    from botocore.exceptions import UnknownServiceError
    from moto.core.utils import get_service_model

    try:
        return get_service_model(_MOTO_NAMES.get(service, service))
    except UnknownServiceError:
        return None
