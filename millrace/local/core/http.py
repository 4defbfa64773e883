"""Requests and responses of the loopback endpoint."""

import json
import logging
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from millrace.local.core.json_text import reject_lone_surrogates

_log = logging.getLogger(__name__)
_SCOPE = re.compile(r"Credential=[^/]*/\d{8}/[^/]*/([^/]+)/aws4_request")

_NOT_IN_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]")

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_HEADER = re.compile(r"[^\t\x20-\x7e\x80-\xff]")
"""https://www.rfc-editor.org/rfc/rfc9110#section-5.5"""
_BAD_GATEWAY = 502

MAX_OBJECT_BYTES = 100 * 1024 * 1024
"""Limits memory use. S3 accepts 5 GB, and recommends multipart uploads from 100 MB.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""


class InvalidJsonError(ValueError):
    """A body is not JSON, is nested too deeply, or contains a lone surrogate."""


@dataclass(frozen=True)
class Request:
    """One HTTP request, whole.

    `raw_path` is the path as it was sent, percent-encoded; empty if the request has none. `from_function` is True for a
    request to the port that the functions are given. `header_names` has the names of headers as they were sent, by
    their lower-case names, unless they were sent in lower case.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    raw_path: str = ""
    from_function: bool = False
    header_names: dict[str, str] = field(default_factory=dict)

    @property
    def operation(self) -> str:
        """Service and operation of AWS's JSON protocol, such as `AWSEvents.PutEvents`."""
        return self.headers.get("x-amz-target", "")

    @property
    def service(self) -> str:
        """The signing name of the service; empty if the request is not signed."""
        found = _SCOPE.search(self.headers.get("authorization", ""))
        return found[1].lower() if found else ""

    def json(self) -> Any:
        """Return the parsed body. Raises InvalidJsonError."""
        try:
            return reject_lone_surrogates(json.loads(self.body or b"{}"), escaped=b"\\ud" in self.body.lower())
        except (ValueError, RecursionError) as error:
            raise InvalidJsonError(f"The body is not valid JSON: {error}") from error


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/x-amz-json-1.1"),)

    @classmethod
    def of(cls, content: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> "Response":
        """Return a JSON response."""
        kind = ("content-type", "application/x-amz-json-1.1")
        return cls(status, json.dumps(content).encode(), (kind, *headers))

    @classmethod
    def error(cls, code: str, message: str, status: int = 400) -> "Response":
        """Return an error in a form that AWS's SDKs read in each protocol."""
        body = {"__type": code, "message": message, "Message": message}
        return cls.of(body, status, [("x-amzn-errortype", code), ("x-amzn-requestid", str(uuid.uuid4()))])


def sendable(response: Response) -> Response:
    """Return a response, or an error if a header has a line break or another character that HTTP does not allow.

    Functions, integrations and stored objects set headers. A line break would begin a header or response of their own.
    """
    for name, value in response.headers:
        if not _HEADER_NAME.fullmatch(name) or _NOT_IN_HEADER.search(value):
            _log.warning("The response has an invalid header: %r: %r", name, value)
            return Response(
                _BAD_GATEWAY, b'{"message":"Internal server error"}', (("content-type", "application/json"),)
            )
    return response


def valid_xml(body: bytes) -> bytes:
    """Return an XML document without the characters that XML does not allow, which parsers reject.

    https://www.w3.org/TR/xml/#charsets
    """
    return _NOT_IN_XML.sub(lambda found: b"?" * len(found[0]), body)


def is_preflight(request: Request) -> bool:
    """Return whether this is a CORS preflight request."""
    return request.method == "OPTIONS" and {"origin", "access-control-request-method"} <= request.headers.keys()
