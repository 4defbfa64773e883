"""HTTP APIs: a request comes in, is judged, and is answered by a function.

An API has a name of its own, `http://{api}.execute-api.localhost:{port}/`, and, for clients that cannot resolve that,
a path below `/_aws/execute-api/{api}/`.
"""

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.http import Request, Response, is_preflight
from millrace.local.core.service import Service
from millrace.local.services.apigatewayv2 import access_logs, cors, signatures
from millrace.local.services.apigatewayv2.payloads import Context, MalformedResult, event_of, response_of
from millrace.local.services.apigatewayv2.refusals import Refusal, failed, not_found
from millrace.local.services.apigatewayv2.routes import DEFAULT, Match, matched
from millrace.local.services.apigatewayv2.tokens import Tokens
from millrace.local.services.iam import Iam
from millrace.local.services.lambda_ import MAX_REQUEST_BYTES, Lambda
from millrace.local.workers import Outcome

_log = logging.getLogger(__name__)
_HOST = re.compile(r"^([a-z0-9]+)\.execute-api\.localhost(?::\d+)?$", re.IGNORECASE)
_PATH = re.compile(r"^/_aws/execute-api/([a-z0-9]+)(/.*)?$")
_FUNCTION = re.compile(r"arn:aws:lambda:[^/]+:function:[^/]+")
MOST_BYTES = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""
_PRINCIPAL = "apigateway.amazonaws.com"


@dataclass(frozen=True)
class _Call:
    """A request to an API. Its path is without the prefix of the path form, and with a stage that is named."""

    api: Any
    stage: Any
    request: Request
    route: Match

    @property
    def integration(self) -> Any:
        """The route's integration. Raises Refusal where it has none."""
        name = str(self.route.route.target or "").removeprefix("integrations/")
        if name not in self.api.integrations:
            raise failed(f"the route {self.route.route.route_key} has no integration")
        return self.api.integrations[name]

    @property
    def resource(self) -> str:
        """What IAM and a function's policy know the request by, below the API."""
        key = self.route.route.route_key
        told = key if key == DEFAULT else f"{self.request.method}{key.partition(' ')[2]}"
        return f"{self.api.api_id}/{self.stage.name}/{told}"


class HttpApis(Service):
    """Answers the requests to the HTTP APIs that moto keeps."""

    arn_name = "apigateway"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self._tokens = Tokens()

    def reset(self) -> None:
        """Forget what issuers said."""
        self._tokens.forget()

    def addressed(self, request: Request) -> bool:
        """Whether a request is for an API, and not for AWS."""
        return bool(_HOST.match(request.headers.get("host", "")) or _PATH.match(request.path))

    def allowed_origins(self, request: Request) -> Collection[str]:
        """The origins in the CORS configuration of the API that a request is for; none for any other request."""
        if not self.addressed(request):
            return ()
        try:
            api, _ = self._found(request)
        except Refusal:
            return ()
        return (api.cors_configuration or {}).get("allowOrigins") or ()

    async def answer(self, request: Request) -> Response:
        """The answer of an API to a request."""
        request_id = str(uuid.uuid4())
        settings: Mapping[str, Any] = {}
        try:
            api, request = self._found(request)
            settings = api.cors_configuration or {}
            if settings and is_preflight(request):
                return cors.preflight(request, settings)
            response = await self._logged(_call(api, request), request_id)
        except Refusal as refusal:
            response = _refused(request, refusal)
        shared = cors.shared(request, response, settings) if settings else response
        return replace(shared, headers=(*shared.headers, ("apigw-requestid", request_id)))

    def _found(self, request: Request) -> tuple[Any, Request]:
        """The API that a request is for, and the request as the API sees it."""
        host, path = _HOST.match(request.headers.get("host", "")), _PATH.match(request.path)
        name = host[1].lower() if host else path[1] if path else ""
        api = self.region.backends.apigatewayv2.apis.get(name)
        if api is None or api.disable_execute_api_endpoint:
            raise not_found(f"there is no API {name}, or its endpoint is disabled")
        return api, request if host or path is None else replace(request, path=path[2] or "/")

    async def _logged(self, call: _Call, request_id: str) -> Response:
        """The answer, with a line in the stage's log."""
        try:
            response = await self._answered(call, request_id)
        except Refusal as refusal:
            response = _refused(call.request, refusal)
        if call.stage.access_log_settings:
            context = self._context(call, request_id, None)
            access_logs.write(self.region.backends, call.stage.access_log_settings, context, call.request, response)
        return response

    async def _answered(self, call: _Call, request_id: str) -> Response:
        authorizer = await self._authorized(call)
        _check_size(call.request.body, MOST_BYTES)
        function = self._function(call)
        payload = json.dumps(event_of(call.request, self._context(call, request_id, authorizer))).encode()
        _check_size(payload, MAX_REQUEST_BYTES)
        outcome = await self._invoked(function, payload, call.integration.timeout_in_millis / 1000)
        if outcome is None or outcome.status != "ok":
            raise failed(f"{function.function_name} was throttled, or failed: {outcome and outcome.payload[:500]!r}")
        try:
            return response_of(outcome.payload)
        except (MalformedResult, ValueError) as error:
            raise failed(f"{function.function_name} answered with no response: {error}") from error

    async def _authorized(self, call: _Call) -> dict[str, Any] | None:
        route = call.route.route
        if route.authorization_type == "JWT":
            scopes = route.authorization_scopes or []
            return await self._tokens.authorize(call.request, call.api.authorizers[route.authorizer_id], scopes)
        if route.authorization_type == "AWS_IAM":
            state = self.region.backends
            now = self.region.clock.now()
            return signatures.authorize(call.request, self.region.service(Iam).access, state, self._arn(call), now)
        return None

    def _arn(self, call: _Call) -> str:
        return f"arn:aws:execute-api:{self.region.name}:{self.region.account}:{call.resource}"

    def _function(self, call: _Call) -> Any:
        """The function of the route, if its policy lets the API in. Raises Refusal."""
        found = _FUNCTION.search(call.integration.integration_uri or "")
        if found is None:
            raise failed(f"the integration {call.integration.integration_uri} is no function")
        try:
            function = self.region.service(Lambda).functions.find(found[0])
            allowed = self.region.service(Iam).access.may_deliver(
                _PRINCIPAL, "lambda:InvokeFunction", found[0], self._arn(call)
            )
        except (LookupError, UnsupportedPolicyError) as error:
            raise failed(str(error)) from error
        if not allowed:
            raise failed(f"the policy of {found[0]} does not let {self._arn(call)} in")
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
            moment=self.region.clock.now(),
            parameters=call.route.parameters,
            variables=call.stage.stage_variables or {},
            authorizer=authorizer,
        )

    async def _invoked(self, function: Any, payload: bytes, seconds: float) -> Outcome | None:
        future: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome | None) -> None:
            if not future.done():
                future.set_result(outcome)

        self.region.service(Lambda).functions.invoke(function, payload, done, urgent=True)
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError as error:
            raise Refusal(503, "Service Unavailable", f"no answer within {seconds:g} s") from error


def _check_size(content: bytes, most: int) -> None:
    if len(content) > most:
        raise Refusal(413, "Request Entity Too Large", f"{len(content)} bytes, at most {most}")


def _refused(request: Request, refusal: Refusal) -> Response:
    _log.info("%s %s: %s", request.method, request.path, refusal)
    return refusal.response()


def _call(api: Any, request: Request) -> _Call:
    """The stage and the route of a request. Raises Refusal.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-stages.html
    """
    first, _, rest = request.path.removeprefix("/").partition("/")
    named = first in api.stages
    stage = api.stages.get(first if named else DEFAULT)
    if stage is None:
        raise not_found(f"the API {api.api_id} has no stage {first}, and none for everything")
    path = f"/{rest}" if named else request.path
    if named and first == DEFAULT:
        request = replace(request, path=path)
    found = matched(api.routes.values(), request.method, path)
    if found is None:
        raise not_found(f"no route takes {request.method} {path}")
    return _Call(api, stage, request, found)
