"""Error responses of API Gateway itself."""

import json

from millrace.local.core.http import Response


class HttpError(Exception):
    """A request that fails: the status, the message for the caller, and the reason for the log."""

    def __init__(
        self, status: int, message: str, reason: str, headers: tuple[tuple[str, str], ...] = (), member: str = "message"
    ) -> None:
        super().__init__(f"{status} {message}: {reason}")
        self.status = status
        self.message = message
        self.headers = headers
        self._member = member

    def response(self) -> Response:
        """Return the error response."""
        body = json.dumps({self._member: self.message}, separators=(",", ":")).encode()
        return Response(self.status, body, (("content-type", "application/json"), *self.headers))


def not_found(reason: str) -> HttpError:
    """Return the error for an unknown API, stage or route."""
    return HttpError(404, "Not Found", reason)


def forbidden(reason: str) -> HttpError:
    """Return the error for a request without permission."""
    return HttpError(403, "Forbidden", reason)


def internal_error(reason: str) -> HttpError:
    """Return the error for an integration that fails."""
    return HttpError(500, "Internal Server Error", reason)


def check_size(content: bytes, limit: int) -> None:
    """Raise HttpError for a body or an event that is larger than `limit` bytes."""
    if len(content) > limit:
        raise HttpError(413, "Request Entity Too Large", f"{len(content)} bytes exceed the limit of {limit}")
