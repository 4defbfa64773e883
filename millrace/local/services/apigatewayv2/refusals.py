"""What API Gateway answers itself, before or instead of a function."""

import json

from millrace.local.core.http import Response


class Refusal(Exception):
    """A request that goes no further: its status, the text that a caller reads, and why it is so, for a person."""

    def __init__(self, status: int, message: str, why: str = "", headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(f"{status} {message}: {why}")
        self.status = status
        self.message = message
        self.why = why
        self.headers = headers

    def response(self) -> Response:
        """The answer."""
        body = json.dumps({"message": self.message}, separators=(",", ":")).encode()
        return Response(self.status, body, (("content-type", "application/json"), *self.headers))


def not_found(why: str) -> Refusal:
    """There is no such API, stage or route."""
    return Refusal(404, "Not Found", why)


def forbidden(why: str) -> Refusal:
    """Who asks may not."""
    return Refusal(403, "Forbidden", why)


def failed(why: str) -> Refusal:
    """The function cannot be called, fails, or answers with what is no response."""
    return Refusal(500, "Internal Server Error", why)
