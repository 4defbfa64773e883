"""Calls of moto's web application with a whole request."""

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from millrace.local.core.http import Request, Response, valid_xml
from millrace.local.services.dynamodb import OPERATION_PREFIX

_NO_FIELDS: dict[str, str] = {}


def moto_application() -> Any:
    """Return moto's WSGI application."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415

    application: Any = DomainDispatcherApplication(create_backend_app)
    # moto searches the folders and addresses of all services on each call.
    application.get_backend_for_host = lru_cache(256)(application.get_backend_for_host)
    return application


def is_short(request: Request) -> bool:
    """Return whether a call never blocks, so that a thread would cost more than the call."""
    return request.operation.startswith(OPERATION_PREFIX)


def answer_of(app: Any, request: Request) -> Response:
    """Return the response of moto's WSGI application. See https://peps.python.org/pep-3333/."""
    if is_short(request):
        return _answer_of_tables(request)
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
    if request.service != "s3" and body.startswith(b"<"):
        body = valid_xml(body)
    return Response(status, body, tuple(headers))


def _answer_of_tables(request: Request) -> Response:
    """Call moto's DynamoDB without Flask, which takes a quarter of the time of a read."""
    from moto.core.request import Request as MotoRequest  # noqa: PLC0415 - moto is imported after its settings
    from moto.dynamodb.responses import DynamoHandler  # noqa: PLC0415
    from werkzeug.exceptions import HTTPException  # noqa: PLC0415

    received = MotoRequest(_environ(request))
    received.from_wsgi_server = True
    received.__dict__.update(data=request.body, form=_NO_FIELDS, files=_NO_FIELDS)  # saves a search for web forms
    try:
        status, headers, body = DynamoHandler.dispatch(received, received.raw_url, dict(received.headers))
    except HTTPException as error:
        status, headers, body = error.code, dict(error.get_headers()), error.get_body()
    sent = {"content-type": "application/x-amz-json-1.0", **{name.lower(): str(headers[name]) for name in headers}}
    return Response(int(status), body.encode() if isinstance(body, str) else body, tuple(sent.items()))


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
