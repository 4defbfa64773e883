"""CORS. The configuration of an API replaces the CORS headers of its functions.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from millrace.local.core.http import Request, Response

_NO_CONTENT = 204
_PREFIX = "access-control-"


def is_preflight(request: Request) -> bool:
    """Return whether a request is a preflight request."""
    return request.method == "OPTIONS" and {"origin", f"{_PREFIX}request-method"} <= request.headers.keys()


def preflight(request: Request, settings: Mapping[str, Any]) -> Response:
    """Return the response to a preflight request; without headers if the origin is not allowed."""
    return Response(_NO_CONTENT, b"", tuple(_headers(request, settings, preflight=True)))


def add_headers(request: Request, response: Response, settings: Mapping[str, Any]) -> Response:
    """Return a response with the headers of the configuration."""
    own = [pair for pair in response.headers if not pair[0].startswith(_PREFIX)]
    return replace(response, headers=(*own, *_headers(request, settings, preflight=False)))


def _headers(request: Request, settings: Mapping[str, Any], *, preflight: bool) -> list[tuple[str, str]]:
    origin = request.headers.get("origin")
    allowed = _allowed(origin, settings.get("allowOrigins") or ()) if origin else None
    if allowed is None:
        return []
    headers: dict[str, Any] = {
        "allow-origin": allowed,
        "expose-headers": ",".join(settings.get("exposeHeaders") or ()),
        "allow-credentials": "true" if settings.get("allowCredentials") else "",
    }
    if preflight:
        headers["allow-methods"] = ",".join(settings.get("allowMethods") or ())
        headers["allow-headers"] = ",".join(settings.get("allowHeaders") or ())
        headers["max-age"] = settings.get("maxAge") or ""
    return [(_PREFIX + name, str(value)) for name, value in headers.items() if value]


def _allowed(origin: str, origins: Any) -> str | None:
    if "*" in origins:
        return "*"
    return origin if origin in origins or f"{origin.partition('://')[0]}://*" in origins else None
