"""Cross-origin requests, as an API is configured for them; the headers of its functions then count for nothing.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from millrace.local.messages import Request, Response

_NO_CONTENT = 204
_PREFIX = "access-control-"


def preflight(request: Request, settings: Mapping[str, Any]) -> Response:
    """The answer to a preflight request; an origin that is not allowed gets no header."""
    return Response(_NO_CONTENT, b"", tuple(_headers(request, settings, preflight=True)))


def shared(request: Request, response: Response, settings: Mapping[str, Any]) -> Response:
    """A response with the headers of the configuration."""
    own = [pair for pair in response.headers if not pair[0].startswith(_PREFIX)]
    return replace(response, headers=(*own, *_headers(request, settings, preflight=False)))


def _headers(request: Request, settings: Mapping[str, Any], *, preflight: bool) -> list[tuple[str, str]]:
    origin = request.headers.get("origin")
    allowed = _allowed(origin, settings.get("allowOrigins") or ()) if origin else None
    if allowed is None:
        return []
    told: dict[str, Any] = {"allow-origin": allowed, "expose-headers": ",".join(settings.get("exposeHeaders") or ())}
    told["allow-credentials"] = "true" if settings.get("allowCredentials") else ""
    if preflight:
        told["allow-methods"] = ",".join(settings.get("allowMethods") or ())
        told["allow-headers"] = ",".join(settings.get("allowHeaders") or ())
        told["max-age"] = settings.get("maxAge") or ""
    return [(_PREFIX + name, str(value)) for name, value in told.items() if value]


def _allowed(origin: str, origins: Any) -> str | None:
    if "*" in origins:
        return "*"
    schemes = {f"{origin.partition('://')[0]}://*"}
    return origin if origin in origins or not schemes.isdisjoint(origins) else None
