"""HTTP APIs: authorize requests and invoke functions.

The endpoint of an API is `http://{api}.execute-api.localhost:{port}/`. Clients that cannot resolve the host name use
the path `/_aws/execute-api/{api}/`.
"""

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.http import Request, Response, is_preflight
from millrace.local.core.service import Service
from millrace.local.services.apigatewayv2 import access_logs, cors, signatures
from millrace.local.services.apigatewayv2.errors import HttpError, internal_error, not_found
from millrace.local.services.apigatewayv2.jwt_authorizer import JwtAuthorizer
from millrace.local.services.apigatewayv2.payloads import Context, event_of, response_of
from millrace.local.services.apigatewayv2.routes import DEFAULT, Match, match
from millrace.local.services.iam import Iam
from millrace.local.services.lambda_ import MAX_REQUEST_BYTES, Lambda
from millrace.local.workers import Outcome

_log = logging.getLogger(__name__)
_HOST = re.compile(r"^([a-z0-9]+)\.execute-api\.localhost(?::\d+)?$", re.IGNORECASE)
_PATH = re.compile(r"^/_aws/execute-api/([a-z0-9]+)(/.*)?$")
_FUNCTION = re.compile(r"arn:aws:lambda:[^/]+:function:[^/]+")
MAX_BODY_BYTES = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
_PRINCIPAL = "apigateway.amazonaws.com"


@dataclass(frozen=True)
class _Call:
    """A request with its API, stage and route. Its path includes the stage."""

    api: Any
    stage: Any
    request: Request
    route: Match

    @property
    def integration(self) -> Any:
        """Return the route's integration. Raises HttpError if it has none."""
        name = str(self.route.route.target or "").removeprefix("integrations/")
        if name not in self.api.integrations:
            raise internal_error(f"the route {self.route.route.route_key} has no integration")
        return self.api.integrations[name]

    @property
    def resource(self) -> str:
        """Return the resource part of the request's ARN."""
        key = self.route.route.route_key
        route = key if key == DEFAULT else f"{self.request.method}{key.partition(' ')[2]}"
        return f"{self.api.api_id}/{self.stage.name}/{route}"


class HttpApis(Service):
    """Serves the HTTP APIs that moto stores."""

    arn_name = "apigateway"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self._jwt = JwtAuthorizer()

    def reset(self) -> None:
        """Drop the keys of issuers."""
        self._jwt.reset()

    def addressed(self, request: Request) -> bool:
        """Return whether a request is for an HTTP API instead of the API of an AWS service."""
        return bool(_HOST.match(request.headers.get("host", "")) or _PATH.match(request.path))

    def allowed_origins(self, request: Request) -> Collection[str]:
        """The origins in the CORS configuration of the API that a request is for; none for any other request."""
        if not self.addressed(request):
            return ()
        try:
            api, _ = self._resolve(request)
        except HttpError:
            return ()
        return (api.cors_configuration or {}).get("allowOrigins") or ()

    async def answer(self, request: Request) -> Response:
        """Return the response of an API."""
        request_id = str(uuid.uuid4())
        cors_settings: dict[str, Any] = {}
        try:
            api, request = self._resolve(request)
            cors_settings = api.cors_configuration or {}
            if cors_settings and is_preflight(request):
                return cors.preflight(request, cors_settings)
            response = await self._respond_and_log(_call(api, request), request_id)
        except HttpError as error:
            response = _error_response(request, error)
        if cors_settings:
            response = cors.add_headers(request, response, cors_settings)
        return replace(response, headers=(*response.headers, ("apigw-requestid", request_id)))

    def _resolve(self, request: Request) -> tuple[Any, Request]:
        """Return the API, and the request without the prefix of the path form."""
        host, path = _HOST.match(request.headers.get("host", "")), _PATH.match(request.path)
        name = host[1].lower() if host else path[1] if path else ""
        api = self.region.backends.apigatewayv2.apis.get(name)
        if api is None or api.disable_execute_api_endpoint:
            raise not_found(f"the API {name} does not exist, or its endpoint is disabled")
        return api, request if host or path is None else replace(request, path=path[2] or "/")

    async def _respond_and_log(self, call: _Call, request_id: str) -> Response:
        try:
            response = await self._respond(call, request_id)
        except HttpError as error:
            response = _error_response(call.request, error)
        if call.stage.access_log_settings:
            context = self._context(call, request_id, None)
            access_logs.write(self.region.backends, call.stage.access_log_settings, context, call.request, response)
        return response

    async def _respond(self, call: _Call, request_id: str) -> Response:
        authorizer = await self._authorize(call)
        _check_size(call.request.body, MAX_BODY_BYTES)
        function = self._function(call)
        payload = json.dumps(event_of(call.request, self._context(call, request_id, authorizer))).encode()
        _check_size(payload, MAX_REQUEST_BYTES)
        outcome = await self._invoke(function, payload, call.integration.timeout_in_millis / 1000)
        if outcome is None or outcome.status != "ok":
            details = outcome and outcome.payload[:500]
            raise internal_error(f"{function.function_name} was throttled or failed: {details!r}")
        try:
            return response_of(outcome.payload)
        except ValueError as error:
            raise internal_error(f"{function.function_name} returned no valid response: {error}") from error

    async def _authorize(self, call: _Call) -> dict[str, Any] | None:
        route = call.route.route
        if route.authorization_type == "JWT":
            scopes = route.authorization_scopes or []
            return await self._jwt.authorize(call.request, call.api.authorizers[route.authorizer_id], scopes)
        if route.authorization_type == "AWS_IAM":
            access = self.region.service(Iam).access
            return signatures.authorize(call.request, access, self.region.backends, self._arn(call))
        return None

    def _arn(self, call: _Call) -> str:
        return f"arn:aws:execute-api:{self.region.name}:{self.region.account}:{call.resource}"

    def _function(self, call: _Call) -> Any:
        """Return the function of the route, if its policy allows the API. Raises HttpError."""
        found = _FUNCTION.search(call.integration.integration_uri or "")
        if found is None:
            raise internal_error(f"the integration {call.integration.integration_uri} is not a function")
        try:
            function = self.region.service(Lambda).functions.find(found[0])
            allowed = self.region.service(Iam).access.may_deliver(
                _PRINCIPAL, "lambda:InvokeFunction", found[0], self._arn(call)
            )
        except (LookupError, UnsupportedPolicyError) as error:
            raise internal_error(str(error)) from error
        if not allowed:
            raise internal_error(f"the policy of {found[0]} does not allow {self._arn(call)}")
        return function

    def _context(self, call: _Call, request_id: str, authorizer: dict[str, Any] | None) -> Context:
        return Context(
            account=self.region.account,
            api=call.api.api_id,
            domain=f"{call.api.api_id}.execute-api.localhost",
            stage=call.stage.name,
            route_key=call.route.route.route_key,
            path=call.request.path,
            request_id=request_id,
            received=self.region.clock.now(),
            parameters=call.route.parameters,
            variables=call.stage.stage_variables or {},
            authorizer=authorizer,
        )

    async def _invoke(self, function: Any, payload: bytes, seconds: float) -> Outcome | None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome | None] = loop.create_future()
        timer = loop.call_later(seconds, lambda: future.done() or future.set_exception(TimeoutError()))

        def done(outcome: Outcome | None) -> None:
            if not future.done():
                future.set_result(outcome)

        self.region.service(Lambda).functions.invoke(function, payload, done, urgent=True)
        try:
            return await future
        except TimeoutError as error:
            raise HttpError(503, "Service Unavailable", f"no response within {seconds:g} s") from error
        finally:
            timer.cancel()


def _check_size(content: bytes, limit: int) -> None:
    if len(content) > limit:
        raise HttpError(413, "Request Entity Too Large", f"{len(content)} bytes exceed the limit of {limit}")


def _error_response(request: Request, error: HttpError) -> Response:
    _log.info("%s %s: %s", request.method, request.path, error)
    return error.response()


def _call(api: Any, request: Request) -> _Call:
    """Find the stage and route of a request. Raises HttpError.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html
    """
    first, _, rest = request.path.removeprefix("/").partition("/")
    named = first in api.stages
    stage = api.stages.get(first if named else DEFAULT)
    if stage is None:
        raise not_found(f"the API {api.api_id} has neither a stage {first!r} nor {DEFAULT}")
    path = f"/{rest}" if named else request.path
    if named and first == DEFAULT:
        request = replace(request, path=path)
    found = match(api.routes.values(), request.method, path)
    if found is None:
        raise not_found(f"no route matches {request.method} {path}")
    return _Call(api, stage, request, found)
