"""Calls of moto's web application with a whole request."""

import io
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from importlib import import_module
from typing import Any

from millrace.local.core.http import Request, Response, valid_xml
from millrace.local.services.dynamodb import OPERATION_PREFIX

_TABLE_TYPE, _TYPE = "application/x-amz-json-1.0", "text/html; charset=utf-8"
"""The types of responses for which moto gives none."""
_NO_FIELDS: dict[str, str] = {}
_FORM = "application/x-www-form-urlencoded"
_DIRECT = frozenset(
    {"events", "firehose", "iam", "kinesis", "kms", "lambda", "logs", "secretsmanager", "sns", "sqs", "ssm", "sts"}
)
"""Services by signing name, in which one function of moto answers every call."""
Dispatch = Callable[[Any, str, dict[str, str]], tuple[Any, Any, Any]]


def moto_application() -> Any:
    """Return moto's WSGI application, which imports Flask at its first call: many stacks never need it."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        return _application()(environ, start_response)

    return application


@cache
def _application() -> Any:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    application: Any = DomainDispatcherApplication(create_backend_app)
    # moto searches the folders and addresses of all services on each call.
    application.get_backend_for_host = lru_cache(256)(application.get_backend_for_host)
    return application


def is_short(request: Request) -> bool:
    """Return whether a call never blocks, so that a thread would cost more than the call."""
    return request.operation.startswith(OPERATION_PREFIX)


def answer_of(app: Any, request: Request) -> Response:
    """Return moto's response to a request, by its WSGI application if necessary: https://peps.python.org/pep-3333/."""
    if dispatch := _dispatch_of(request):
        return _dispatched(dispatch, request)
    status_and_headers: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], None]:
        status_and_headers[:] = [int(status.split(" ", 1)[0]), headers]
        return lambda _data: None

    chunks = app(_environ(request), start_response)
    try:
        body = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    status, headers = status_and_headers
    return _response(request, status, headers, body)


def _response(request: Request, status: int, headers: Iterable[tuple[str, Any]], body: bytes) -> Response:
    if request.service != "s3" and body.startswith(b"<"):
        body = valid_xml(body)
    return Response(status, body, tuple((name, str(value)) for name, value in headers))


def _dispatch_of(request: Request) -> Dispatch | None:
    """Return the function of moto that answers every call of a service; None if Flask has to route the call."""
    if is_short(request):
        return _dispatch("dynamodb")
    if request.service not in _DIRECT or request.headers.get("content-type", "").startswith("multipart/"):
        return None
    return _dispatch(request.service) if request.path == "/" or request.service == "lambda" else None


@cache
def _dispatch(service: str) -> Dispatch | None:
    from moto.backends import get_backend

    get_backend(service)  # type: ignore[call-overload,unused-ignore] # it applies changes to moto
    module = "awslambda" if service == "lambda" else service
    paths = import_module(f"moto.{module}.urls").url_paths
    found = [answer for path, answer in paths.items() if service == "lambda" or path in ("{0}/", "{0}/$")]
    return found[0] if found and all(answer == found[0] for answer in found) else None


def _dispatched(dispatch: Dispatch, request: Request) -> Response:
    """Call moto without Flask, which takes a quarter of the time of a read."""
    from moto.core.request import Request as MotoRequest
    from werkzeug.exceptions import HTTPException

    received = MotoRequest(_environ(request))
    received.from_wsgi_server = True
    if not request.headers.get("content-type", "").startswith(_FORM):
        received.__dict__.update(data=request.body, form=_NO_FIELDS, files=_NO_FIELDS)  # saves a search for web forms
    try:
        status, headers, body = dispatch(received, received.raw_url, dict(received.headers))
    except HTTPException as error:
        status, headers, body = error.code, dict(error.get_headers()), error.get_body()
    usual = _TABLE_TYPE if is_short(request) else _TYPE
    sent = {"content-type": usual, **{name.lower(): headers[name] for name in headers}}
    return _response(request, int(status), sent.items(), body.encode() if isinstance(body, str) else body)


def _environ(request: Request) -> dict[str, Any]:
    host, _, port = request.headers.get("host", "127.0.0.1").rpartition(":")
    environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path.encode().decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": request.path + (f"?{request.query}" if request.query else ""),
        "SERVER_NAME": host or "127.0.0.1",
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if name not in ("content-type", "content-length", "transfer-encoding"):
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ
