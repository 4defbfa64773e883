"""Requests and responses of the loopback endpoint, whole."""

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from millrace.local.core.json_text import as_text

_SCOPE = re.compile(r"Credential=[^/]*/\d{8}/[^/]*/([^/]+)/aws4_request")

MAX_OBJECT_BYTES = 100 * 1024 * 1024
"""Of this machine's memory: S3 takes 5 GB, and recommends a multipart upload from 100 MB on.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""


class InvalidJsonError(ValueError):
    """A body that is no JSON, nests too deep to be read, or has half a character in it."""


@dataclass(frozen=True)
class Request:
    """One HTTP request, whole."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """Service and operation of AWS's JSON protocol, as 'AWSEvents.PutEvents'."""
        return self.headers.get("x-amz-target", "")

    @property
    def service(self) -> str:
        """The service that the request was signed for, by its signing name; empty where it was not signed."""
        found = _SCOPE.search(self.headers.get("authorization", ""))
        return found[1].lower() if found else ""

    def json(self) -> Any:
        """The body, parsed. Raises InvalidJsonError."""
        try:
            return as_text(json.loads(self.body or b"{}"), escaped=b"\\ud" in self.body.lower())
        except (ValueError, RecursionError) as error:
            raise InvalidJsonError(f"The body is no JSON: {error}") from error


@dataclass(frozen=True)
class Response:
    """One HTTP response, whole."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/x-amz-json-1.1"),)

    @classmethod
    def of(cls, content: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> "Response":
        """A JSON answer."""
        kind = ("content-type", "application/x-amz-json-1.1")
        return cls(status, json.dumps(content).encode(), (kind, *headers))

    @classmethod
    def error(cls, code: str, message: str, status: int = 400) -> "Response":
        """An error, as AWS's SDKs read it in each of their protocols."""
        told = {"__type": code, "message": message, "Message": message}
        return cls.of(told, status, [("x-amzn-errortype", code), ("x-amzn-requestid", str(uuid.uuid4()))])


def is_preflight(request: Request) -> bool:
    """Whether a browser requests the CORS settings of an address before it sends the actual request."""
    return request.method == "OPTIONS" and {"origin", "access-control-request-method"} <= request.headers.keys()
