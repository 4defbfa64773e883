"""The loopback endpoint: AWS's APIs over HTTP, answered by the services of the local cloud or by moto."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import unquote

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.account_regions import AccountRegions
from millrace.local.core.errors import ApiError
from millrace.local.core.http import InvalidJsonError, Request, Response, sendable
from millrace.local.core.unsupported import failed, is_dropped, is_unknown, unimplemented
from millrace.local.endpoint.limits import DisconnectedError, RefusedRequestError, check_unpacked, received
from millrace.local.endpoint.moto import answer_of, is_short
from millrace.local.endpoint.origins import CONTROL, Origins
from millrace.local.endpoint.validation import moto_failed, refusal
from millrace.local.services.apigateway import RestApis
from millrace.local.services.apigatewayv2 import HttpApis
from millrace.local.services.dynamodb import DynamoDb
from millrace.local.services.iam import Iam, scope_of
from millrace.local.services.lambda_ import INVOKE, Lambda
from millrace.local.services.lambda_urls import FunctionUrls

_log = logging.getLogger(__name__)
_LAMBDA = re.compile(r"^/20\d\d-\d\d-\d\d/(functions|event-source-mappings|layers)")
_MOTO_API = "/moto-api"
_ACCOUNT = "x-moto-account-id"
_BAD_REQUEST = 400
_THREADS = 64
"""Concurrent calls of moto. A long poll or a synchronous execution holds one thread."""


Answer = Callable[[Request], Awaitable[Response]]
Services = Mapping[str, Callable[[AccountRegion, Request], Response]]


class Endpoint:
    """An ASGI application. It runs on the scheduler's thread; moto runs in other threads.

    `services` replaces moto for services by their signing names, in those threads. Functions use `functions_port`,
    which accepts only their own keys.
    """

    def __init__(
        self,
        regions: AccountRegions,
        wsgi: Any,
        control: Answer,
        services: Services,
        origins: Origins,
        functions_port: int = 0,
    ) -> None:
        self._functions_port = functions_port
        self._regions = regions
        self._wsgi = wsgi
        self._control = control
        self._services = services
        self._origins = origins
        self._threads = ThreadPoolExecutor(_THREADS, "moto")

    def close(self) -> None:
        """Refuse further requests."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        request = _head(scope, self._functions_port)
        try:
            response = sendable(await self._admitted(request, receive))
        except DisconnectedError:
            return
        headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
        if not any(name == b"content-length" for name, _ in headers):
            headers.append((b"content-length", str(len(response.body)).encode()))
        if "expect" in request.headers and response.status >= _BAD_REQUEST:
            headers.append((b"connection", b"close"))  # the client need not send the announced body
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else response.body})

    async def _admitted(self, request: Request, receive: Any) -> Response:
        """Return the response to a request whose body is not read yet. Raises DisconnectedError."""
        apis = self._apis_of(request)
        of_api = apis.addressed(request)
        if refused := self._origins.refusal(request, apis.allowed_origins, of_api=of_api):
            return refused
        if of_api:
            return await self._responded(request, receive, apis.answer, is_api=True)
        if granted := self._origins.preflight(request):
            return granted
        return self._origins.shared(request, await self._responded(request, receive, self._answer, is_api=False))

    async def _responded(self, request: Request, receive: Any, answer: Answer, *, is_api: bool) -> Response:
        try:
            whole = await received(request, receive, is_api=is_api)
        except RefusedRequestError as error:
            return error.response
        return await self._guarded(whole, answer)

    async def answer(self, request: Request) -> Response:
        """Return the response to a whole request for AWS or an HTTP API that did not come over HTTP."""
        apis = self._apis_of(request)
        return await self._guarded(request, apis.answer if apis.addressed(request) else self._answer)

    @staticmethod
    async def _guarded(request: Request, answer: Answer) -> Response:
        """Return the response, or the error response to an exception. Raises DisconnectedError."""
        try:
            return await answer(request)
        except RefusedRequestError as error:
            return error.response
        except NotImplementedError as error:
            return unimplemented(request, str(error))
        except InvalidJsonError as error:
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
        region = self._region_of(request)
        service = region.service_named(request.service)
        rejected = region.service(Iam).access.answer(request) or (service and service.reject(request))
        return rejected or await self._allowed(region, request)

    def _apis_of(self, request: Request) -> HttpApis | RestApis | FunctionUrls:
        """Return the function URLs or the REST APIs if one of them is addressed, or else the HTTP APIs."""
        if FunctionUrls.id_of(request):
            urls = [region.service(FunctionUrls) for region in self._regions]
            return next((each for each in urls if each.serves(request)), urls[0])
        rest = self._regions.home.service(RestApis)
        return rest if rest.addressed(request) else self._regions.home.service(HttpApis)

    def _region_of(self, request: Request) -> AccountRegion:
        """Return the account of the signer and the region of the signature."""
        scope, home = scope_of(request), self._regions.home
        return self._regions.open(home.service(Iam).sessions.account_of(scope.key), scope.region) if scope else home

    def _responder(self, region: AccountRegion, service: str) -> Callable[[Request], Response] | None:
        if service in self._services:
            return partial(self._services[service], region)
        found = region.service_named(service)
        return found.respond if found else None

    def _changed(self, region: AccountRegion, arn_name: str) -> None:
        """Make a service read its state again. Any change may concern a policy, in every account."""
        for each in self._regions:
            each.service(Iam).changed()
        if service := region.service_named(arn_name):
            service.changed()

    async def _allowed(self, region: AccountRegion, request: Request) -> Response:
        if request.operation in region.answers:
            return await self._answered(region, request)
        invoked = INVOKE.match(request.path)
        if invoked and request.method == "POST":
            return await self._invoke(region, request, unquote(invoked[1]))
        if respond := self._responder(region, request.service):
            return await asyncio.get_running_loop().run_in_executor(self._threads, respond, request)
        return await self._checked(region, request)

    async def _answered(self, region: AccountRegion, request: Request) -> Response:
        try:
            answer = region.answers[request.operation](request.json())
            return Response.of(await answer if isinstance(answer, Awaitable) else answer)
        except ApiError as refused:
            return _error(request, refused)

    async def _checked(self, region: AccountRegion, request: Request) -> Response:
        check = region.checks.get(request.operation or f"{request.service} {request.method}")
        try:
            if check:
                check(request.json())
        except ApiError as refused:
            return _error(request, refused)
        return await self._moto(region, request)

    def _answer_of_moto(self, request: Request) -> Response:
        """Return moto's response, or AWS's error for parameters on which moto fails. It is logged."""
        try:
            return answer_of(self._wsgi, request)
        except NotImplementedError:
            raise
        except Exception as error:
            response = moto_failed(request, error)
            if response is None:
                raise
            _log.warning("moto failed: %s %s", request.operation or request.path, request.service, exc_info=error)
            return response

    async def _invoke(self, region: AccountRegion, request: Request, name: str) -> Response:
        """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html."""
        answer = await region.service(Lambda).invoke.answer(name, request.query, request.headers, request.body)
        return Response(*answer)

    async def _moto(self, region: AccountRegion, request: Request) -> Response:
        if is_dropped(request):
            return unimplemented(request)
        check_unpacked(request)
        if not is_short(request) and (refused := refusal(request)):
            return refused
        if region is not self._regions.home:
            request = replace(request, headers={**request.headers, _ACCOUNT: region.account})
        if is_short(request):
            fast = region.service(DynamoDb).answer(request)
            response = fast or refusal(request) or self._answer_of_moto(request)
        else:
            loop = asyncio.get_running_loop()
            response = await loop.run_in_executor(self._threads, self._answer_of_moto, request)
        changed = _changes(request)
        if changed:
            self._changed(region, changed)
        return unimplemented(request) if is_unknown(request, response) else response


def _error(request: Request, error: ApiError) -> Response:
    """The error of a request. SQS repeats its code for clients that expect the codes of the query protocol.

    https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#awsquerycompatible-trait
    """
    response = Response.error(error.code, error.message, error.status)
    if not request.operation.startswith("AmazonSQS."):
        return response
    return replace(response, headers=(*response.headers, ("x-amzn-query-error", f"{error.code};Sender")))


def _changes(request: Request) -> str | None:
    """Return the service whose state a call may have changed; None if nothing outside moto depends on it."""
    service, _, operation = request.operation.partition(".")
    if service == "AWSEvents":
        return None if operation.startswith(("Describe", "List")) else "events"
    if service == "AmazonSQS":
        return None if "Message" in operation else "sqs"
    if request.service in ("firehose", "iam", "pipes", "scheduler", "sns", "sqs"):
        return request.service
    if "Policy" in operation or "Encryption" in operation:  # of keys and log groups; of streams
        return request.service
    return "lambda" if request.method != "GET" and _LAMBDA.match(request.path) else None


def _head(scope: Any, functions_port: int) -> Request:
    """Return a request without its body."""
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
        b"",
        raw_path=scope["raw_path"].decode("latin-1"),
        from_function=scope["server"][1] == functions_port,
        header_names=scope.get("header_names", {}),
    )
