"""The loopback endpoint: AWS's APIs over HTTP, answered by the event plane where it knows better, else by moto."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from millrace.local.messages import NoJson, Request, Response
from millrace.local.moto_calls import answer_of, is_short
from millrace.local.plane.plane import Plane
from millrace.local.plane.planes import Planes
from millrace.local.plane.refusals import Refused
from millrace.local.unanswered import failed, is_dropped, is_unknown, unimplemented

_log = logging.getLogger(__name__)
LOOPBACK = re.compile(r"^(?:sync-)?(127\.0\.0\.1|localhost|\[::1\]|[a-z0-9.-]+\.localhost)(:\d+)?$", re.IGNORECASE)
_INVOKE = re.compile(r"^/2015-03-31/functions/([^/]+)/invocations/?$")
_LAMBDA = re.compile(r"^/20\d\d-\d\d-\d\d/(functions|event-source-mappings|layers)")
_ACCOUNT = "x-moto-account-id"
_THREADS = 64
"""Calls of moto at once: a long poll or a synchronous execution keeps one for its time."""


Answer = Callable[[Request], Awaitable[Response]]
Services = Mapping[str, Callable[[Plane, Request], Response]]


class Endpoint:
    """An ASGI application. Runs on the agenda's thread; only moto's own work is done by other threads.

    `services` answers in moto's place, on such a thread too, by the name that a service's requests are signed for.
    Functions are given the port `functions_port`, which takes no other keys than theirs.
    """

    def __init__(
        self, planes: Planes, wsgi: Any, control: Answer, services: Services, *, functions_port: int = 0
    ) -> None:
        self._functions_port = functions_port
        self._planes = planes
        self._wsgi = wsgi
        self._control = control
        self._services = services
        self._threads = ThreadPoolExecutor(_THREADS, "moto")

    def close(self) -> None:
        """Take no more calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = await _request(scope, receive, self._functions_port)
        try:
            response = await self._answer(request)
        except NotImplementedError as error:
            response = unimplemented(request, str(error))
        except NoJson as error:
            response = Response.error("SerializationException", str(error))
        except Exception as error:  # noqa: BLE001 - it is logged, and the caller is told
            _log.exception("%s %s %s", request.method, request.path, request.operation)
            response = failed(request, error)
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        if not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})

    async def _answer(self, request: Request) -> Response:
        if not LOOPBACK.match(request.headers.get("host", "")):
            return Response.error("AccessDenied", "This endpoint answers to loopback names only.", 403)
        if request.path.startswith("/_millrace/"):
            return await self._control(request)
        if self._planes.home.http_apis.addressed(request):
            return await self._planes.home.http_apis.answer(request)
        plane = self._planes.of_request(request)
        return plane.access.answer(request) or await self._allowed(plane, request)

    async def _allowed(self, plane: Plane, request: Request) -> Response:
        if request.operation in plane.answers:
            return await self._answered(plane, request)
        invoked = _INVOKE.match(request.path)
        if invoked and request.method == "POST":
            return await self._invoke(plane, request, unquote(invoked[1]))
        if own := self._services.get(request.service):
            return await asyncio.get_running_loop().run_in_executor(self._threads, own, plane, request)
        return await self._checked(plane, request)

    async def _answered(self, plane: Plane, request: Request) -> Response:
        try:
            answer = plane.answers[request.operation](request.json())
            return Response.of(await answer if isinstance(answer, Awaitable) else answer)
        except Refused as refused:
            return Response.error(refused.code, refused.message, refused.status)

    async def _checked(self, plane: Plane, request: Request) -> Response:
        check = plane.checks.get(request.operation or f"{request.service} {request.method}")
        try:
            if check:
                check(request.json())
        except Refused as refused:
            return Response.error(refused.code, refused.message, refused.status)
        return await self._moto(plane, request)

    async def _invoke(self, plane: Plane, request: Request, name: str) -> Response:
        """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""
        answer = await plane.invoking.answer(name, request.query, request.headers, request.body)
        return Response(*answer)

    async def _moto(self, plane: Plane, request: Request) -> Response:
        if is_dropped(request):
            return unimplemented(request)
        if plane is not self._planes.home:
            request = replace(request, headers={**request.headers, _ACCOUNT: plane.state.account})
        if is_short(request):
            response = answer_of(self._wsgi, request)
        else:
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(self._threads, answer_of, self._wsgi, request)
        changed = _changes(request)
        if changed:
            plane.changed(changed)
        return unimplemented(request) if is_unknown(request, response) else response


def _changes(request: Request) -> str | None:
    """The service whose state a call may have changed, where the plane keeps something of it."""
    service, _, operation = request.operation.partition(".")
    if service == "AWSEvents":
        return None if operation.startswith(("Describe", "List")) else "events"
    if service == "AmazonSQS":
        return None if "Message" in operation else "sqs"
    if request.service in ("iam", "scheduler", "sns", "sqs"):
        return request.service
    if "Policy" in operation or "Encryption" in operation:  # of keys and log groups; of streams
        return request.service
    return "lambda" if request.method != "GET" and _LAMBDA.match(request.path) else None


async def _request(scope: Any, receive: Any, functions_port: int) -> Request:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        separator = "; " if name == "cookie" else ","
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return Request(
        scope["method"],
        scope["path"],
        scope["query_string"].decode("latin-1"),
        headers,
        b"".join(parts),
        raw_path=scope["raw_path"].decode("latin-1"),
        from_function=scope["server"][1] == functions_port,
    )
