"""Lambda authorizers of HTTP APIs, with their cached results.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
"""

import json
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.json_text import parsed
from millrace.local.services.apigatewayv2 import payload_v1, payloads
from millrace.local.services.apigatewayv2.authorizer_cache import AuthorizerCache
from millrace.local.services.apigatewayv2.call import Call
from millrace.local.services.apigatewayv2.errors import HttpError, forbidden, internal_error
from millrace.local.services.apigatewayv2.functions import function_of, invoke
from millrace.local.services.apigatewayv2.parameter_mapping import resolve
from millrace.local.services.iam import Iam, InvalidPolicyError, Permission

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_SECONDS = 10.0
"""https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html"""


class LambdaAuthorizer:
    """Invokes the functions of authorizers. Caches results by API, stage, authorizer and identity sources."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._cache = AuthorizerCache(region)

    def reset(self, api: str = "", stage: str = "") -> None:
        """Drop the cached results of a stage, or all."""
        self._cache.reset(api, stage)

    async def authorize(self, call: Call, authorizer: Any) -> dict[str, Any]:
        """Return the `authorizer` context for the integration. Raises HttpError."""
        identity = _identity(call, authorizer)
        key = (call.api.api_id, call.stage.name, authorizer.id, identity)
        seconds = int(authorizer.auth_result_ttl or 0) if identity else 0
        answer = await self._cache.get(key, seconds, lambda: self._answer(call, authorizer, identity))
        self._check(call, authorizer, answer)
        context = answer.get("context") or {}
        principal = {} if authorizer.enable_simple_response else {"principalId": answer.get("principalId")}
        return {"lambda": context if authorizer.auth_payload_format_version == "2.0" else {**context, **principal}}

    async def _answer(self, call: Call, authorizer: Any, identity: tuple[str, ...]) -> dict[str, Any]:
        function = function_of(self._region, authorizer.authorizer_uri, call.authorizer_arn, authorizer.auth_creds_arn)
        payload = json.dumps(_event(call, authorizer, identity)).encode()
        outcome = await invoke(self._region, function, payload, _SECONDS)
        if outcome is None or outcome.status != "ok":
            raise internal_error(
                f"the authorizer {authorizer.name} was throttled or failed: {outcome and outcome.payload!r}"
            )
        answer = parsed(outcome.payload)
        if not isinstance(answer, dict) or not isinstance(answer.get("context") or {}, dict):
            raise internal_error(f"the authorizer {authorizer.name} returned {answer!r}")
        return answer

    def _check(self, call: Call, authorizer: Any, answer: dict[str, Any]) -> None:
        """Raise HttpError unless the answer allows the request."""
        if authorizer.enable_simple_response:
            allowed = answer.get("isAuthorized")
            if not isinstance(allowed, bool):
                raise internal_error(f"the authorizer {authorizer.name} returned no Boolean isAuthorized")
        else:
            access = self._region.service(Iam).access
            try:
                allowed = not access.denied_by(answer.get("policyDocument"), Permission("execute-api:Invoke", call.arn))
            except (InvalidPolicyError, UnsupportedPolicyError) as error:
                raise internal_error(f"the authorizer {authorizer.name} returned no valid policy: {error}") from error
        if not allowed:
            raise forbidden(f"the authorizer {authorizer.name} denies the request")


def _identity(call: Call, authorizer: Any) -> tuple[str, ...]:
    """Return the values of the identity sources. Raises HttpError if the request lacks one."""
    sources = authorizer.identity_source or []
    values = [resolve(source, call) for source in sources]
    found = tuple(value for value in values if value)
    if len(found) < len(sources):
        raise HttpError(401, "Unauthorized", f"the request lacks one of {sources}")
    return found


def _event(call: Call, authorizer: Any, identity: tuple[str, ...]) -> dict[str, Any]:
    """Return the event for the function, which has no body."""
    if authorizer.auth_payload_format_version == "2.0":
        event = payloads.event_of(call.request, call.context)
        more: dict[str, Any] = {"routeArn": call.arn, "identitySource": list(identity) or None}
    else:
        event = payload_v1.event_of(call.request, call.context)
        joined = ",".join(identity) or None
        more = {"methodArn": call.arn, "identitySource": joined, "authorizationToken": joined}
    for name in ("body", "isBase64Encoded"):
        event.pop(name, None)
    return {**event, "type": "REQUEST", **more}
