"""A request to AWS's APIs: its signer, service, operation and parameters."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.http import Request
from millrace.local.core.rest_routes import Router
from millrace.local.core.unsupported import service_model

_SCOPE_PARTS = 5
_ADDRESS = re.compile(r"(?:\d{1,3}(?:\.|$)){4}")
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
    return dict(_fields(request))


def _fields(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a form, except files. moto reads them with the same parser."""
    kind = request.headers.get("content-type", "")
    if request.method != "POST" or not kind.lower().startswith("multipart/form-data"):
        return []
    from werkzeug.formparser import FormDataParser
    from werkzeug.http import parse_options_header

    mimetype, options = parse_options_header(kind)
    _, form, _ = FormDataParser().parse(io.BytesIO(request.body), mimetype, len(request.body), options)
    return [(name.lower(), value) for name, value in form.items(multi=True)]


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

    def each(self, *forms: tuple[str, str | Callable[[str], str]]) -> list[str]:
        """Return the ARNs of all parameters that are set, by their formats; `*` if none is.

        Each of them must be allowed, because services differ in which one they read.
        """
        named = [form for form in forms if self.params.get(form[0])]
        return list(dict.fromkeys(self.first(form) for form in named)) or ["*"]

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
    if request.operation:
        return _read_target(request, service)
    if "smithy-protocol" in request.headers and not _is_rest(service):
        return request.path.rpartition("/operation/")[2], {}
    path = path_in_s3(request) if service == "s3" else request.path
    if service == "s3" and "key" in (upload := form_upload(request)):
        _check_once([name for name, _ in _fields(request)])
        return "PutObject", {"Bucket": path.strip("/"), "Key": upload["key"]}
    if "Action" in (form := form_of(request)) and not _is_rest(service):
        _check_form(request)
        return form["Action"], _own(service, form["Action"], form)
    return _read_route(request, service, path)


def _read_target(request: Request, service: str) -> tuple[str, Mapping[str, Any]]:
    """Return the operation and its own parameters. Some SDKs send a request for a queue to its URL."""
    params = request.json()
    url = params.get("QueueUrl") if isinstance(params, dict) and request.operation.startswith("AmazonSQS.") else None
    if request.path not in ("/", urlsplit(str(url)).path) or "=" in request.query:
        raise UnsupportedPolicyError(f"A request with X-Amz-Target has no path and no query, not {request.path!r}.")
    name = request.operation.rpartition(".")[2]
    return name, _own(service, name, params)


def _own(service: str, operation: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters that an operation has. Another one could name a resource that the call does not use.

    In the query protocol a parameter has names such as `Tags.member.1.Key`. Raises UnsupportedPolicyError for another
    spelling of an operation: moto also accepts `createUser` and `create_user`.
    """
    members = _members(service, operation)
    if members is None:
        return params
    return {name: value for name, value in params.items() if name.partition(".")[0] in members}


@cache
def _members(service: str, operation: str) -> frozenset[str] | None:
    """Return the parameters of an operation; None if botocore's model of the service does not have it."""
    model = service_model(service)
    known = model.operation_names if model else ()
    if operation in known:
        shape = model.operation_model(operation).input_shape
        return frozenset(shape.members if shape else ())
    if operation.replace("_", "").lower() in map(str.lower, known):
        raise UnsupportedPolicyError(f"{service} has no operation {operation!r}.")
    return None


def _read_route(request: Request, service: str, path: str) -> tuple[str, Mapping[str, Any]]:
    matched = _router(service).match(request.method, path, request.query, request.headers)
    if matched is None:
        raise UnsupportedPolicyError(f"{request.method} {request.path} is no operation of the API of {service}.")
    route, params = matched
    body = request.json() if route.body and request.body else {}
    if not isinstance(body, dict):
        raise UnsupportedPolicyError(f"The body of {route.operation} must be a JSON object.")
    return route.operation, {name: value for name, value in body.items() if name in route.body} | params


def path_in_s3(request: Request) -> str:
    """Return the path of a request to S3 with the bucket, which moto may find in the host name.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
    """
    host = request.headers.get("host", "").partition(":")[0].lower()
    bucket, dot, _ = host.removeprefix("www.").partition(".")
    in_host = dot and not host.startswith("localhost") and not _ADDRESS.match(host)
    return f"/{bucket}{request.path}" if in_host else request.path


def form_of(request: Request) -> dict[str, str]:
    """Return the parameters of AWS's query protocol; empty for other protocols."""
    if _is_form(request):
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    return dict(parse_qsl(request.query)) if "Action=" in request.query else {}


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _check_form(request: Request) -> None:
    """Refuse a parameter that is sent twice: moto reads the first, and those of the query string and the body."""
    body = request.body.decode() if _is_form(request) or b"=" in request.body else ""
    _check_once([name for part in (request.query, body) for name, _ in parse_qsl(part, keep_blank_values=True)])


def _check_once(names: Sequence[str]) -> None:
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UnsupportedPolicyError(f"The request has the parameter {twice} twice.")


@cache
def _is_rest(service: str) -> bool:
    model = service_model(service)
    return model is not None and model.protocol.startswith("rest")


@cache
def _router(service: str) -> Router:
    return Router.of(service)
