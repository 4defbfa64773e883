"""HTTP APIs: authorize requests, and answer them by the integrations of their routes.

The endpoint of an API is `http://{api}.execute-api.localhost:{port}/`. Clients that cannot resolve the host name use
the path `/_aws/execute-api/{api}/`.
"""

import logging
import re
import uuid
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.http import Request, Response, is_preflight
from millrace.local.core.service import Service
from millrace.local.services.apigatewayv2 import (
    access_logs,
    cors,
    http_integrations,
    lambda_integrations,
    service_integrations,
    signatures,
)
from millrace.local.services.apigatewayv2.call import Call, call_of
from millrace.local.services.apigatewayv2.errors import HttpError, check_size, internal_error, not_found
from millrace.local.services.apigatewayv2.jwt_authorizer import JwtAuthorizer
from millrace.local.services.apigatewayv2.lambda_authorizer import LambdaAuthorizer
from millrace.local.services.apigatewayv2.parameter_mapping import mapped_response
from millrace.local.services.iam import Iam

_log = logging.getLogger(__name__)
HOST = re.compile(r"^([a-z0-9]+)\.execute-api\.localhost(?::\d+)?$", re.IGNORECASE)
PATH = re.compile(r"^/_aws/execute-api/([a-z0-9]+)(/.*)?$")
MAX_BODY_BYTES = 10 * 1024 * 1024
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""


class HttpApis(Service):
    """Serves the HTTP APIs that moto stores."""

    arn_name = "apigateway"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self._jwt = JwtAuthorizer()
        self.lambda_authorizer = LambdaAuthorizer(region)

    def reset(self) -> None:
        """Drop the keys of issuers and the results of authorizers."""
        self._jwt.reset()
        self.lambda_authorizer.reset()

    def addressed(self, request: Request) -> bool:
        """Return whether a request is for an HTTP API instead of the API of an AWS service."""
        return bool(HOST.match(request.headers.get("host", "")) or PATH.match(request.path))

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
            response = await self._respond_and_log(call_of(self.region, api, request, request_id))
        except HttpError as error:
            response = _error_response(request, error)
        if cors_settings:
            response = cors.add_headers(request, response, cors_settings)
        return replace(response, headers=(*response.headers, ("apigw-requestid", request_id)))

    def _resolve(self, request: Request) -> tuple[Any, Request]:
        """Return the API, and the request without the prefix of the path form."""
        host, path = HOST.match(request.headers.get("host", "")), PATH.match(request.path)
        name = host[1].lower() if host else path[1] if path else ""
        api = self.region.backends.apigatewayv2.apis.get(name)
        if api is None or api.disable_execute_api_endpoint:
            raise not_found(f"the API {name} does not exist, or its endpoint is disabled")
        return api, request if host or path is None else replace(request, path=path[2] or "/")

    async def _respond_and_log(self, call: Call) -> Response:
        try:
            call = call.authorized(await self._authorize(call))
            response = await self._respond(call)
        except HttpError as error:
            response = _error_response(call.request, error)
        if call.stage.access_log_settings:
            settings = call.stage.access_log_settings
            access_logs.write(self.region.backends, settings, call.context, call.request, response)
        return response

    async def _respond(self, call: Call) -> Response:
        check_size(call.request.body, MAX_BODY_BYTES)
        integration = call.integration
        if integration.integration_type == "HTTP_PROXY":
            response = await http_integrations.respond(self.region, call)
        elif integration.integration_subtype:
            response = await service_integrations.respond(self.region, call)
        else:
            response = await lambda_integrations.respond(self.region, call)
        mappings = (integration.response_parameters or {}).get(str(response.status)) or {}
        return mapped_response(call, mappings, response)

    async def _authorize(self, call: Call) -> dict[str, Any] | None:
        route = call.route
        if route.authorization_type == "AWS_IAM":
            access = self.region.service(Iam).access
            return signatures.authorize(call.request, access, self.region.backends, call.arn)
        if route.authorization_type not in ("CUSTOM", "JWT"):
            return None
        authorizer = call.api.authorizers.get(route.authorizer_id)
        if authorizer is None:
            raise internal_error(f"the route {route.route_key} has no authorizer {route.authorizer_id}")
        if route.authorization_type == "CUSTOM":
            return await self.lambda_authorizer.authorize(call, authorizer)
        return await self._jwt.authorize(call.request, authorizer, route.authorization_scopes or [])


def _error_response(request: Request, error: HttpError) -> Response:
    _log.info("%s %s: %s", request.method, request.path, error)
    return error.response()
