"""Lambda authorizers of REST APIs, with their cached policies.

https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
"""

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.json_text import parsed
from millrace.local.services.apigateway.call import Call
from millrace.local.services.apigatewayv2 import AuthorizerCache, HttpError, function_of, invoke
from millrace.local.services.iam import Iam, InvalidPolicyError, Permission

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_SECONDS = 29.0
_DEFAULT_TTL_SECONDS = 300


class LambdaAuthorizer:
    """Invokes the functions of authorizers. Caches policies by API, stage, authorizer and identity sources."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._cache = AuthorizerCache(region)

    def reset(self, api: str = "", stage: str = "") -> None:
        """Drop the cached policies of a stage, or all."""
        self._cache.reset(api, stage)

    async def authorize(self, call: Call) -> Call:
        """Return a call with the context and the API key that its authorizer returned. Raises HttpError."""
        authorizer = call.api.authorizers.get(call.method.authorizer_id)
        if authorizer is None:
            raise _failure(f"the method has no authorizer {call.method.authorizer_id}")
        identity = _identity(call, authorizer)
        key = (call.api.id, call.stage.name, authorizer.id, identity)
        given = authorizer.authorizer_result_ttl
        seconds = int(_DEFAULT_TTL_SECONDS if given is None else given) if identity else 0
        answer = await self._cache.get(key, seconds, lambda: self._answer(call, authorizer, identity))
        self._check(call, answer)
        context = {name: _text(value) for name, value in (answer.get("context") or {}).items()}
        principal = {"principalId": answer.get("principalId", "")}
        usage_key = str(answer.get("usageIdentifierKey") or "")
        return replace(call, authorizer={**principal, **context}, usage_key=usage_key)

    async def _answer(self, call: Call, authorizer: Any, identity: tuple[str, ...]) -> dict[str, Any]:
        region = self._region
        source = f"arn:aws:execute-api:{call.region}:{call.account}:{call.api.id}/authorizers/{authorizer.id}"
        event = json.dumps(_event(call, authorizer, identity)).encode()
        try:
            function = function_of(region, authorizer.authorizer_uri, source, authorizer.authorizer_credentials)
            outcome = await invoke(region, function, event, _SECONDS)
        except HttpError as error:
            raise _failure(str(error)) from error
        answer = parsed(outcome.payload) if outcome else None
        if outcome is None or outcome.status != "ok":
            if isinstance(answer, dict) and answer.get("errorMessage") == "Unauthorized":
                raise _unauthorized("the authorizer raised Unauthorized")
            raise _failure(f"the authorizer was throttled or failed: {answer}")
        if not isinstance(answer, dict) or not isinstance(answer.get("context") or {}, dict):
            raise _failure(f"the authorizer returned {answer!r}")
        return answer

    def _check(self, call: Call, answer: dict[str, Any]) -> None:
        """Raise HttpError unless the policy of an authorizer allows the method."""
        permission = Permission("execute-api:Invoke", call.arn)
        try:
            denied = self._region.service(Iam).access.denied_by(answer.get("policyDocument"), permission)
        except (InvalidPolicyError, UnsupportedPolicyError) as error:
            raise _failure(f"the authorizer returned no valid policy: {error}") from error
        if denied:
            explicit = " with an explicit deny" if "explicit" in denied.why else ""
            message = f"User is not authorized to access this resource{explicit}"
            headers = (("x-amzn-errortype", "AccessDeniedException"),)
            raise HttpError(403, message, "the authorizer denies the request", headers, "Message")


def _failure(reason: str) -> HttpError:
    headers = (("x-amzn-errortype", "AuthorizerConfigurationException"),)
    return HttpError(500, "Internal server error", reason, headers)


def _unauthorized(reason: str) -> HttpError:
    return HttpError(401, "Unauthorized", reason, (("x-amzn-errortype", "UnauthorizedException"),))


def _identity(call: Call, authorizer: Any) -> tuple[str, ...]:
    """Return the values of the identity sources. Raises HttpError if the request lacks one, or a token is invalid."""
    sources = [each.strip() for each in (authorizer.identity_source or "").split(",") if each.strip()]
    values = tuple(call.value(each) for each in sources)
    if not all(values):
        raise _unauthorized(f"the request lacks one of {sources}")
    pattern = authorizer.identity_validation_expression
    if authorizer.type == "TOKEN" and pattern and not re.fullmatch(pattern, values[0]):
        raise _unauthorized(f"the token does not match {pattern}")
    return values


def _event(call: Call, authorizer: Any, identity: tuple[str, ...]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html."""
    if authorizer.type == "TOKEN":
        return {"type": "TOKEN", "methodArn": call.arn, "authorizationToken": identity[0]}
    event = {name: value for name, value in call.event().items() if name not in ("body", "isBase64Encoded")}
    return {"type": "REQUEST", "methodArn": call.arn, **event}


def _text(value: Any) -> str:
    """Return a value of the context as a string. Raises HttpError for an object or a list.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
    """
    if isinstance(value, (dict, list)):
        raise _failure(f"the authorizer returned a context with {value!r}")
    return value if isinstance(value, str) else json.dumps(value)
