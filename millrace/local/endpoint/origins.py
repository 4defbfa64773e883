"""Web pages that may call the local cloud; none by default.

A page of any site can send some requests to this machine without a preflight request. A browser names the page's origin
in `Origin`, and its relation to the called address in `Sec-Fetch-Site`. AWS SDKs, the AWS CLI and curl send neither.

https://fetch.spec.whatwg.org/#origin-header
https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from millrace.local.core.http import Request, Response, is_preflight

CONTROL = "/_millrace/"
"""The paths of Millrace's own API."""
_NAMES = r"127(?:\.\d{1,3}){3}|localhost|\[::1\]|(?:[a-z0-9-]+\.)+localhost"
_HOST = re.compile(rf"(?:sync-)?(?:{_NAMES})(?::\d+)?", re.IGNORECASE)
_ORIGIN = re.compile(rf"(https?)://({_NAMES})(?::(\d{{1,5}}))?", re.IGNORECASE)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_CORS = "access-control-"
_SIGNED = frozenset({"authorization", "smithy-protocol", "x-amz-target"})
_NO_CONTENT = 204
_FORBIDDEN = 403
_NONE: Mapping[str, str] = MappingProxyType({})


class OriginError(ValueError):
    """An allowed origin is not an origin on loopback."""


def normalized(origin: str) -> str:
    """Return an origin as browsers send it: in lower case, without a default port. Raises OriginError."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        raise OriginError(
            f"{origin!r} is not an origin on this machine. Pass scheme, loopback host and port, without a path, "
            "as in http://localhost:5173."
        )
    scheme, host, port = found[1].lower(), found[2].lower(), found[3]
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS[scheme]) else f"{scheme}://{host}:{port}"


class Origins:
    """Decides by the origin of a request. `allowed` contains the origins of a developer's own front ends."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(map(normalized, allowed))

    def refusal(
        self, request: Request, configured: Callable[[Request], Collection[str]], *, of_api: bool = False
    ) -> Response | None:
        """Return the response to a request that must not be routed; None for any other. Needs no body.

        `configured` returns the origins in the CORS configuration of the API that a request is for; `of_api` is True
        for a request to an API or a function URL.
        """
        if not _HOST.fullmatch(request.headers.get("host", "")):
            return _refused("This endpoint accepts loopback host names only.")
        if not self._may_call(request, configured, of_api=of_api):
            return _refused(_reason(request.headers.get("origin")))
        return None

    def _may_call(self, request: Request, configured: Callable[[Request], Collection[str]], *, of_api: bool) -> bool:
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        if request.path.startswith(CONTROL):
            return origin is None and site is None
        if (origin, site) == (None, None) or origin in self._allowed:
            return True
        if origin is None or origin == f"http://{request.headers['host']}":
            # "none" means a typed address or a link in an email: it may read.
            return _reads(request) if site == "none" or not of_api else site in (None, "same-origin")
        return _configures(configured(request), origin)

    def preflight(self, request: Request) -> Response | None:
        """Return the response to a preflight request of an allowed origin; None for any other request."""
        if request.headers.get("origin") not in self._allowed or not is_preflight(request):
            return None
        wanted = {"methods": "request-method", "headers": "request-headers"}
        granted = {f"{_CORS}allow-{name}": request.headers.get(_CORS + header, "") for name, header in wanted.items()}
        return self.shared(request, Response(_NO_CONTENT, b"", ()), granted)

    def shared(self, request: Request, response: Response, granted: Mapping[str, str] = _NONE) -> Response:
        """Return a response that a page of an allowed origin can read, without other CORS headers."""
        headers = [pair for pair in response.headers if not pair[0].lower().startswith(_CORS)]
        origin = request.headers.get("origin")
        if origin in self._allowed:
            headers += [(f"{_CORS}allow-origin", str(origin)), (f"{_CORS}expose-headers", "*"), ("vary", "Origin")]
        return replace(response, headers=(*headers, *granted.items()))


def _reads(request: Request) -> bool:
    """Return whether a browser loads an address.

    An object in a bucket can be a page of the endpoint, whose script knows the key `test`.
    """
    loads = request.method in ("GET", "HEAD") and _SIGNED.isdisjoint(request.headers)
    return loads and request.headers.get("sec-fetch-site") in (None, "none", "same-origin")


def _configures(origins: Collection[str], origin: str) -> bool:
    """Return whether the CORS configuration of an API allows an origin. A wildcard allows only this machine."""
    if origin in origins:
        return True
    wildcards = {"*", f"{origin.partition('://')[0]}://*"}
    return bool(_ORIGIN.fullmatch(origin)) and not wildcards.isdisjoint(origins)


def _reason(origin: str | None) -> str:
    if origin is None:
        return "The local cloud refuses web pages that send no origin. Use fetch() in an allowed page."
    if _ORIGIN.fullmatch(origin):
        return (
            f"The local cloud refuses pages of {origin}. Allow it with `millrace up --allow-origin {origin}`, "
            f"LocalCloud(allowed_origins=[{origin!r}]) or the CorsConfiguration of your HTTP API."
        )
    return f"The local cloud refuses pages of {origin}, unless the CorsConfiguration of an HTTP API allows it."


def _refused(message: str) -> Response:
    return Response.error("AccessDenied", message, _FORBIDDEN)
