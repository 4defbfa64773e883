"""What the endpoint answers where nothing here knows an operation, or where moto breaks: at once, and by name.

The status keeps AWS's SDKs from trying again, which they do for half a minute at 500, 502, 503 and 504:
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from functools import cache
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from millrace.local.messages import Request, Response

_NOT_HERE = 400
_BROKEN = 501
_NOT_FOUND = 404
_DROPPED = frozenset(
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
_OTHER_NAMES = {"monitoring": "cloudwatch", "states": "stepfunctions", "email": "ses", "elasticloadbalancing": "elbv2"}


def unimplemented(request: Request, why: str = "") -> Response:
    """The answer to an operation that neither the event plane nor moto has."""
    text = f"{named(request)} is not implemented by Millrace's local cloud.{why and f' ({why})'}"
    return error_response(request, "NotImplemented", text, _NOT_HERE)


def failed(request: Request, error: BaseException) -> Response:
    """The answer where moto, or the local cloud itself, broke, as moto does at a service that it does not have."""
    if request.service and not _has_backend(request.service):
        return unimplemented(request)
    text = f"{named(request)} failed within Millrace's local cloud: {type(error).__name__}: {error}"
    return error_response(request, "InternalFailure", text, _BROKEN)


def _has_backend(service: str) -> bool:
    from moto.backend_index import backend_url_patterns  # noqa: PLC0415 - moto is imported after its settings are made

    return any(pattern.match(f"http://{service}.us-east-1.amazonaws.com") for _, pattern in backend_url_patterns)


def is_dropped(request: Request) -> bool:
    """Whether moto would take an operation on a part of a bucket for one on the bucket itself, and succeed."""
    if request.service != "s3":
        return False
    return not _DROPPED.isdisjoint(name for name, _ in parse_qsl(request.query, keep_blank_values=True))


def is_unknown(request: Request, response: Response) -> bool:
    """Whether moto has no route for a path of a service, and says so with a web page, or with nothing."""
    if response.status != _NOT_FOUND or request.method == "HEAD" or request.service in ("s3", ""):
        return False
    return not response.body or response.body.lstrip()[:9].lower() == b"<!doctype"


def named(request: Request) -> str:
    """Service and operation, for a person; where the operation is not known, the method and the path."""
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
    """The operation of a REST API, by botocore's model of its paths."""
    from moto.core.request import Request as MotoRequest  # noqa: PLC0415
    from moto.core.routing import get_service_router  # noqa: PLC0415

    url = f"http://localhost{request.path}?{request.query}"
    asked = MotoRequest.from_primitives(request.method, url, request.headers, request.body)
    try:
        operation, _ = get_service_router(_OTHER_NAMES.get(request.service, request.service)).match(asked)
    except Exception:  # noqa: BLE001 - the name is a courtesy: the path says enough
        return None
    return str(operation.name)


def error_response(request: Request, code: str, text: str, status: int) -> Response:
    """An error in the protocol of the service that a request is for."""
    protocol = "query" if _is_form(request) and request.service != "ec2" else _protocol(request.service)
    if protocol not in _XML_ERRORS:
        return Response.error(code, text, status)
    told = f"<Code>{code}</Code><Message>{escape(text)}</Message>"
    return Response(status, _XML_ERRORS[protocol].format(told).encode(), (("content-type", "text/xml"),))


@cache
def _protocol(service: str) -> str:
    from botocore.exceptions import UnknownServiceError  # noqa: PLC0415
    from moto.core.utils import get_service_model  # noqa: PLC0415

    try:
        model: Any = get_service_model(_OTHER_NAMES.get(service, service))
    except UnknownServiceError:
        return "json"
    return str(model.protocol)
