"""REST APIs: find the method of a request, check the request, and answer it by the method's integration.

An API has the endpoint `http://{api}.execute-api.localhost:{port}/{stage}/`, or `/_aws/execute-api/{api}/{stage}/`.
The local cloud serves the methods of an API as they are; on AWS, a stage serves those of its deployment.
"""

import json
import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.http import Request, Response
from millrace.local.core.service import Service
from millrace.local.services.apigateway.call import Call, check_result
from millrace.local.services.apigateway.checks import check_key, check_policy, validate
from millrace.local.services.apigateway.integrations import respond
from millrace.local.services.apigateway.lambda_authorizer import LambdaAuthorizer
from millrace.local.services.apigatewayv2 import (
    HOST,
    MAX_BODY_BYTES,
    PATH,
    HttpError,
    authorize,
    check_size,
    forbidden,
    function_of,
    invoke,
    match,
    response_of,
)
from millrace.local.services.iam import Iam

_log = logging.getLogger(__name__)
_SECONDS = 29.0
_TYPES = {
    "Forbidden": "ForbiddenException",
    "Missing Authentication Token": "MissingAuthenticationTokenException",
}
_TYPES_BY_STATUS = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "AccessDeniedException",
    429: "TooManyRequestsException",
    500: "InternalServerErrorException",
    502: "InternalServerErrorException",
}


@dataclass(frozen=True)
class _Method:
    """A method of a resource, as a route."""

    route_key: str
    resource: Any
    method: Any


class RestApis(Service):
    """Serves the REST APIs that moto stores."""

    arn_name = "execute-api"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.authorizer = LambdaAuthorizer(region)

    def reset(self) -> None:
        """Drop the policies of authorizers."""
        self.authorizer.reset()

    def addressed(self, request: Request) -> bool:
        """Return whether a request is for a REST API."""
        name = self._name(request)
        return bool(name) and name in self.region.backends.apigateway.apis  # moto's models take a while to import

    def allowed_origins(self, request: Request) -> Collection[str]:  # noqa: ARG002 - as of HTTP APIs
        """Return all origins: methods and functions of a REST API write the headers of CORS."""
        return ("*",)

    async def answer(self, request: Request) -> Response:
        """Return the response of an API."""
        request_id = str(uuid.uuid4())
        try:
            response = await self._respond(self._call(request, request_id))
        except HttpError as error:
            _log.info("%s %s: %s", request.method, request.path, error)
            response = _typed(error)
        return replace(response, headers=(*response.headers, ("x-amzn-requestid", request_id)))

    def _name(self, request: Request) -> str:
        host, path = HOST.match(request.headers.get("host", "")), PATH.match(request.path)
        return host[1].lower() if host else path[1] if path else ""

    def _call(self, request: Request, request_id: str) -> Call:
        """Find the stage and the method of a request. Raises HttpError."""
        api = self.region.backends.apigateway.apis[self._name(request)]
        path = PATH.match(request.path)
        if path and not HOST.match(request.headers.get("host", "")):
            request = replace(request, path=path[2] or "/")
        stage_name, _, rest = request.path.removeprefix("/").partition("/")
        stage = api.stages.get(stage_name)
        if stage is None:
            raise forbidden(f"the API {api.id} has no stage {stage_name!r}")
        request = replace(request, path=f"/{rest}")
        found = match(_methods(api), request.method, request.path.rstrip("/") or "/")
        if found is None or "" in found.parameters.values():  # {proxy+} needs a segment
            raise HttpError(403, "Missing Authentication Token", f"no method for {request.method} /{rest}")
        route: _Method = found.route
        return Call(
            api,
            stage,
            route.route_key.partition(" ")[2],
            route.resource.id,
            route.method,
            request,
            found.parameters,
            request_id,
            self.region.clock.now(),
            self.region.account,
            self.region.name,
        )

    async def _respond(self, call: Call) -> Response:
        check_size(call.request.body, MAX_BODY_BYTES)
        check_policy(self.region, call)
        call = await self._authorize(call)
        check_key(self.region, call)
        validate(call)
        integration = call.method.method_integration
        if integration is None or integration.integration_type != "AWS_PROXY":
            return await respond(self.region, call)
        try:
            function = function_of(self.region, integration.uri, call.arn, integration.credentials)
        except HttpError as error:
            raise HttpError(500, "Internal server error", str(error)) from error
        return await self._proxied(function, call)

    async def _authorize(self, call: Call) -> Call:
        """Return a call with the result of its authorizer. Raises HttpError."""
        if call.method.authorization_type == "CUSTOM":
            return await self.authorizer.authorize(call)
        if call.method.authorization_type == "AWS_IAM":
            authorize(call.request, self.region.service(Iam).access, self.region.backends, call.arn)
        elif call.method.authorization_type == "COGNITO_USER_POOLS":
            reason = "the local cloud has no user pools, so it accepts no token of one"
            raise HttpError(401, "Unauthorized", reason, (("x-amzn-errortype", "UnauthorizedException"),))
        elif call.method.authorization_type not in (None, "NONE"):
            raise HttpError(500, "Internal server error", f"no {call.method.authorization_type} authorizers are served")
        return call

    async def _proxied(self, function: Any, call: Call) -> Response:
        try:
            outcome = await invoke(self.region, function, json.dumps(call.event()).encode(), _SECONDS)
        except HttpError as error:
            raise HttpError(504, "Endpoint request timed out", str(error)) from error
        if outcome is None or outcome.status != "ok":
            raise HttpError(502, "Internal server error", f"{function.function_name} was throttled or failed")
        try:
            check_result(outcome.payload)
            return response_of(outcome.payload)
        except ValueError as error:
            raise HttpError(502, "Internal server error", f"{function.function_name}: {error}") from error


def _typed(error: HttpError) -> Response:
    """Return the response to an error, with its type.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
    """
    response = error.response()
    kind = _TYPES.get(error.message) or _TYPES_BY_STATUS.get(error.status)
    return replace(response, headers=(*response.headers, ("x-amzn-errortype", kind))) if kind else response


def _methods(api: Any) -> list[_Method]:
    return [
        _Method(f"{name} {resource.get_path()}", resource, method)
        for resource in list(api.resources.values())
        for name, method in resource.resource_methods.items()
    ]
