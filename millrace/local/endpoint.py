"""The loopback endpoint: AWS's APIs over HTTP, answered by the event plane where it knows better, else by moto."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from millrace.local.limits import DisconnectedError, RefusedRequestError, check_unpacked, received
from millrace.local.messages import NoJson, Request, Response
from millrace.local.moto_calls import answer_of, is_short
from millrace.local.origins import CONTROL, Origins
from millrace.local.plane.invoking import INVOKE
from millrace.local.plane.plane import Plane
from millrace.local.plane.planes import Planes
from millrace.local.plane.refusals import Refused
from millrace.local.unanswered import failed, is_dropped, is_unknown, unimplemented

_log = logging.getLogger(__name__)
_LAMBDA = re.compile(r"^/20\d\d-\d\d-\d\d/(functions|event-source-mappings|layers)")
_MOTO_API = "/moto-api"
_ACCOUNT = "x-moto-account-id"
_BAD_REQUEST = 400
_THREADS = 64
"""Calls of moto at once: a long poll or a synchronous execution keeps one for its time."""


Answer = Callable[[Request], Awaitable[Response]]
Services = Mapping[str, Callable[[Plane, Request], Response]]


class Endpoint:
    """An ASGI application. Runs on the agenda's thread; only moto's own work is done by other threads.

    `services` answers in moto's place, on such a thread too, by the name that a service's requests are signed for.
    """

    def __init__(self, planes: Planes, wsgi: Any, control: Answer, services: Services, origins: Origins) -> None:
        self._planes = planes
        self._wsgi = wsgi
        self._control = control
        self._services = services
        self._origins = origins
        self._threads = ThreadPoolExecutor(_THREADS, "moto")

    def close(self) -> None:
        """Take no more calls."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = _head(scope)
        try:
            response = await self._admitted(request, receive)
        except DisconnectedError:
            return
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        if not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", str(len(response.body)).encode()))
        if "expect" in request.headers and response.status >= _BAD_REQUEST:
            headers.append((b"connection", b"close"))  # the client need not send the body that was announced
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})

    async def _admitted(self, request: Request, receive: Any) -> Response:
        """The response to a request whose body is not read yet. Raises DisconnectedError."""
        apis = self._planes.home.http_apis
        if refused := self._origins.refusal(request, apis.allowed_origins):
            return refused
        if apis.addressed(request):
            return await self._responded(request, receive, apis.answer, is_api=True)
        if granted := self._origins.preflight(request):
            return granted
        return self._origins.shared(request, await self._responded(request, receive, self._answer, is_api=False))

    async def _responded(self, request: Request, receive: Any, answer: Answer, *, is_api: bool) -> Response:
        try:
            request = await received(request, receive, is_api=is_api)
            return await answer(request)
        except RefusedRequestError as error:
            return error.response
        except NotImplementedError as error:
            return unimplemented(request, str(error))
        except NoJson as error:
            return Response.error("SerializationException", str(error))
        except DisconnectedError:
            raise
        except Exception as error:  # noqa: BLE001 - it is logged, and the caller gets it
            _log.exception("%s %s %s", request.method, request.path, request.operation)
            return failed(request, error)

    async def _answer(self, request: Request) -> Response:
        if request.path.startswith(CONTROL):
            return await self._control(request)
        if request.path.startswith(_MOTO_API):
            return Response.error("AccessDenied", "/moto-api is closed. Call reset() of the LocalCloud instead.", 403)
        plane = self._planes.of_request(request)
        rejected = plane.access.answer(request) or plane.conflicts.answer(request)
        return rejected or await self._allowed(plane, request)

    async def _allowed(self, plane: Plane, request: Request) -> Response:
        if request.operation in plane.answers:
            return await self._answered(plane, request)
        invoked = INVOKE.match(request.path)
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
        check_unpacked(request)
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


def _head(scope: Any) -> Request:
    """A request without its body."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        separator = "; " if name == "cookie" else ","
        headers[name] = f"{headers[name]}{separator}{value}" if name in headers else value
    return Request(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, b"")
