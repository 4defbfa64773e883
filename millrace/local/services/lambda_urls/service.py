"""Function URLs: authorize requests and invoke functions.

A function URL is `http://127.0.0.1:{port}/_aws/lambda-url/{id}/`, which each client on this machine can call. Clients
that resolve names below localhost can use `http://{id}.lambda-url.{region}.localhost:{port}/` as well.
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

import json
import logging
import re
import uuid
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.http import Request, Response, is_preflight
from millrace.local.core.service import Service
from millrace.local.services.apigatewayv2 import Context, HttpError, authorized_signer, cors, invoke, payloads
from millrace.local.services.iam import Iam, Permission
from millrace.local.services.lambda_ import MAX_REQUEST_BYTES, Lambda
from millrace.local.services.lambda_urls.configs import UrlConfig, UrlConfigs
from millrace.local.workers import Outcome

_log = logging.getLogger(__name__)
_HOST = re.compile(r"([0-9a-z]+)\.lambda-url\.([0-9a-z-]+)\.localhost(?::\d+)?", re.IGNORECASE)
_PATH = re.compile(r"/_aws/lambda-url/([0-9a-z]+)(/.*)?")
_SECONDS = 900.0
"""The maximum timeout of a function. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_FORBIDDEN = (
    "Forbidden. For troubleshooting Function URL authorization issues, see: "
    "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"
)


class FunctionUrls(Service):
    """Serves the function URLs of an account and region."""

    arn_name = "lambda-url"

    @staticmethod
    def id_of(request: Request) -> str:
        """Return the id of the function URL that a request is for; empty for any other request."""
        found = _HOST.fullmatch(request.headers.get("host", "")) or _PATH.fullmatch(request.path)
        return found[1].lower() if found else ""

    def addressed(self, request: Request) -> bool:
        """Return whether a request is for a function URL, even for one that does not exist."""
        return bool(self.id_of(request))

    def serves(self, request: Request) -> bool:
        """Return whether a request is for a function URL of this account and region."""
        return self._config(request) is not None

    def allowed_origins(self, request: Request) -> Collection[str]:
        """Return the origins in the CORS configuration of a function URL."""
        config = self._config(request)
        origins: Collection[str] = (config.cors.get("AllowOrigins") or ()) if config else ()
        return origins

    async def answer(self, request: Request) -> Response:
        """Return the response of a function."""
        request_id, config = str(uuid.uuid4()), self._config(request)
        settings = _in_camel_case(config.cors) if config else {}
        if settings and is_preflight(request):
            return cors.preflight(request, settings)
        try:
            response = await self._respond(config, request, request_id)
        except HttpError as error:
            _log.info("%s %s: %s", request.method, request.path, error)
            response = error.response()
        if settings:
            response = cors.add_headers(request, response, settings)
        return replace(response, headers=(*response.headers, ("x-amzn-requestid", request_id)))

    def _config(self, request: Request) -> UrlConfig | None:
        name = self.id_of(request)
        return next((each for each in UrlConfigs(self.region.backends.lambda_) if each.id == name), None)

    async def _respond(self, config: UrlConfig | None, request: Request, request_id: str) -> Response:
        if config is None:
            raise _forbidden("Forbidden", f"no function has the URL {request.headers.get('host')}{request.path}")
        in_path = None if _HOST.fullmatch(request.headers.get("host", "")) else _PATH.fullmatch(request.path)
        request = replace(request, path=in_path[2] or "/") if in_path else request
        context = self._context(config, request, request_id, self._authorize(config, request))
        payload = json.dumps(payloads.event_of(request, context)).encode()
        if len(payload) > MAX_REQUEST_BYTES:
            raise HttpError(413, "Request Entity Too Large", f"{len(payload)} bytes exceed the limit of Lambda")
        function = self.region.service(Lambda).functions.find(config.arn)
        outcome = await invoke(self.region, function, payload, _SECONDS)
        if outcome is None:
            raise HttpError(429, "Rate Exceeded.", f"{config.arn} was throttled")
        return _response(config, outcome)

    def _authorize(self, config: UrlConfig, request: Request) -> dict[str, Any] | None:
        """Return the identity of the signer; None if none is needed. Raises HttpError.

        https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
        """
        permissions = [
            Permission("lambda:InvokeFunctionUrl", config.arn, {"lambda:functionurlauthtype": (config.auth_type,)}),
            Permission("lambda:InvokeFunction", config.arn, {"lambda:invokedviafunctionurl": ("true",)}),
        ]
        access = self.region.service(Iam).access
        try:
            if config.auth_type == "AWS_IAM":
                return authorized_signer(request, access, self.region.backends, permissions, "lambda")
            denied = [each.action for each in permissions if access.enforce_iam and not access.allows_everyone(each)]
        except (HttpError, UnsupportedPolicyError) as error:
            raise _forbidden(_FORBIDDEN, str(error)) from error
        if denied:
            raise _forbidden(_FORBIDDEN, f"the policy of {config.arn} does not allow everyone {', '.join(denied)}")
        return None

    def _context(
        self, config: UrlConfig, request: Request, request_id: str, authorizer: dict[str, Any] | None
    ) -> Context:
        return Context(
            account=self.region.account,
            api=config.id,
            domain=f"{config.id}.lambda-url.{config.region}.localhost",
            stage="$default",
            route_key="$default",
            path=request.path,
            request_id=request_id,
            received=self.region.clock.now(),
            authorizer=authorizer,
        )


def _response(config: UrlConfig, outcome: Outcome) -> Response:
    """Return the response for the outcome of a function. Raises HttpError."""
    if outcome.status == "ok":
        try:
            return payloads.response_of(outcome.payload)
        except ValueError as error:
            _log.info("%s returned no valid response: %s", config.arn, error)
    else:
        _log.info("%s failed: %s", config.arn, outcome.payload[:500])
    return Response(502, b"Internal Server Error", (("content-type", "text/plain"),))


def _forbidden(message: str, reason: str) -> HttpError:
    return HttpError(403, message, reason, (("x-amzn-errortype", "AccessDeniedException"),), "Message")


def _in_camel_case(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: value for name, value in settings.items()}
