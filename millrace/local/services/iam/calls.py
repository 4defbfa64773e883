"""A request to AWS's APIs: its signer, service, operation and parameters."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.http import Request
from millrace.local.core.rest_routes import Router

_SCOPE_PARTS = 5
_FIELD = re.compile(rb'\r\n(?:(?!filename=)[^\r])*name="([^"]+)"(?:\r\n[^\r\n]+)*\r\n\r\n(.*)\r\n$', re.DOTALL)
_PREFIXES = {"monitoring": "cloudwatch", "email": "ses", "s3express": "s3"}
"""Names of services in IAM that differ from their signing names."""


class Scope(NamedTuple):
    """The credential scope of a signature, version 4.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """

    key: str
    region: str
    service: str


def scope_of(request: Request) -> Scope | None:
    """Return the scope of a signed request, a presigned URL or a presigned form."""
    authorization = request.headers.get("authorization")
    if authorization:
        signed = authorization.partition("Credential=")[2].partition(",")[0]
    elif "X-Amz-Credential=" in request.query:
        signed = dict(parse_qsl(request.query)).get("X-Amz-Credential", "")
    else:
        return _old_scope(request)
    parts = signed.split("/")
    return Scope(parts[0], parts[2], parts[3]) if len(parts) == _SCOPE_PARTS else None


def _old_scope(request: Request) -> Scope | None:
    """Return the scope of a form or of a URL with a signature of version 2; both belong to S3."""
    if "AWSAccessKeyId=" in request.query:
        return Scope(dict(parse_qsl(request.query)).get("AWSAccessKeyId", ""), "us-east-1", "s3")
    form = form_upload(request)
    key = form.get("x-amz-credential", "").partition("/")[0] or form.get("awsaccesskeyid")
    return Scope(key, "us-east-1", "s3") if key else None


def form_upload(request: Request) -> dict[str, str]:
    """Return the fields of a form that uploads a file to a bucket, by lower-case name; empty for other requests.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
    """
    kind, _, boundary = request.headers.get("content-type", "").partition("boundary=")
    if request.method != "POST" or not boundary or not kind.startswith("multipart/form-data"):
        return {}
    parts = request.body.split(b"--" + boundary.strip('"').encode())
    found = [_FIELD.match(part) for part in parts]
    return {match[1].decode().lower(): match[2].decode("utf-8", "replace") for match in found if match}


@dataclass(frozen=True)
class Call:
    """An operation of a service. `service` is as IAM names it."""

    service: str
    operation: str
    region: str
    account: str
    params: Mapping[str, Any]
    request: Request

    def arn(self, resource: str, service: str = "") -> str:
        """Return an ARN in the caller's account and region."""
        return f"arn:aws:{service or self.service}:{self.region}:{self.account}:{resource}"

    def first(self, *forms: tuple[str, str | Callable[[str], str]]) -> str:
        """Return the ARN of the first parameter that is set, by its format; `*` if none is."""
        for name, form in forms:
            value = self.params.get(name)
            if value:
                text = str(value)
                return text if text.startswith("arn:") else self._formed(text, form)
        return "*"

    def _formed(self, text: str, form: str | Callable[[str], str]) -> str:
        return self.arn(form.format(text)) if isinstance(form, str) else form(text)

    @cached_property
    def query(self) -> dict[str, str]:
        """The query string, parsed."""
        return dict(parse_qsl(self.request.query, keep_blank_values=True))


def call_of(request: Request, scope: Scope, account: str) -> Call:
    """Return the operation of a signed request. Raises UnsupportedPolicyError if it is unknown."""
    service = _PREFIXES.get(scope.service, scope.service)
    operation, params = _read(request, scope.service)
    return Call(service, operation, scope.region, account, params, request)


def _read(request: Request, service: str) -> tuple[str, Mapping[str, Any]]:
    target = request.headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2], request.json()
    if "smithy-protocol" in request.headers:
        return request.path.rpartition("/operation/")[2], {}
    if service == "s3" and "key" in (upload := form_upload(request)):
        return "PutObject", {"Bucket": request.path.strip("/"), "Key": upload["key"]}
    form = form_of(request)
    if "Action" in form:
        return form["Action"], form
    matched = _router(service).match(request.method, request.path, request.query, request.headers)
    if matched is None:
        raise UnsupportedPolicyError(f"{request.method} {request.path} is no operation of the API of {service}.")
    route, params = matched
    if route.has_json and request.body:
        params |= request.json()
    return route.operation, params


def form_of(request: Request) -> dict[str, str]:
    """Return the parameters of AWS's query protocol; empty for other protocols."""
    kind = request.headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    return dict(parse_qsl(request.query)) if "Action=" in request.query else {}


@cache
def _router(service: str) -> Router:
    return Router.of(service)
