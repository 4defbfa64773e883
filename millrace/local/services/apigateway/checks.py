"""What a method demands of a request: an API key, an authorizer's consent, valid parameters and a valid body."""

import json
from typing import TYPE_CHECKING, Any

from millrace.local.core.json_text import parsed
from millrace.local.services.apigateway.call import Call
from millrace.local.services.apigatewayv2 import HttpError, authorize, forbidden, function_of, invoke
from millrace.local.services.iam import Iam

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_SECONDS = 29.0


def check_key(region: "AccountRegion", call: Call) -> None:
    """Raise HttpError without an enabled key of a usage plan for the stage.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html
    """
    backend, given = region.backends.apigateway, call.request.headers.get("x-api-key")
    if str(call.method.api_key_required).lower() != "true":
        return
    stage = (call.api.id, call.stage.name)
    plans = [each.id for each in backend.usage_plans.values() if stage in [_stage(one) for one in each.api_stages]]
    keys = {key.value for plan in plans for key in backend.usage_plan_keys.get(plan, {}).values()}
    enabled = {key.value for key in backend.keys.values() if key.enabled}
    if given not in keys & enabled:
        raise forbidden("the request has no enabled API key of a usage plan for this stage")


def _stage(stage: dict[str, Any]) -> tuple[str, str]:
    return stage["apiId"], stage["stage"]


async def authorized(region: "AccountRegion", call: Call) -> dict[str, Any]:
    """Return the context that an authorizer gives to the request. Raises HttpError.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-use-lambda-authorizer.html
    """
    if call.method.authorization_type == "AWS_IAM":
        authorize(
            call.request, region.service(Iam).access, region.backends, call.arn.partition(f"{region.account}:")[2]
        )
        return {}
    if call.method.authorization_type != "CUSTOM":
        return {}
    authorizer = call.api.authorizers[call.method.authorizer_id]
    source = f"arn:aws:execute-api:{call.region}:{call.account}:{call.api.id}/authorizers/{authorizer.id}"
    function = function_of(region, authorizer.authorizer_uri, source, authorizer.authorizer_credentials)
    outcome = await invoke(region, function, json.dumps(_authorizer_event(call, authorizer)).encode(), _SECONDS)
    if outcome is None or outcome.status != "ok":
        _raise_failed(outcome.payload if outcome else b"")
    answer = parsed(outcome.payload) if outcome else None
    if not isinstance(answer, dict) or "policyDocument" not in answer:
        raise HttpError(500, "Internal server error", "the authorizer returned no policy", authorizer_failed())
    if not _allows(answer["policyDocument"], call.arn):
        raise HttpError(403, "User is not authorized to access this resource", "the authorizer denies the request")
    return {"principalId": answer.get("principalId", ""), **(answer.get("context") or {})}


def authorizer_failed() -> tuple[tuple[str, str], ...]:
    """Return the header of a failed authorizer."""
    return (("x-amzn-errortype", "AuthorizerConfigurationException"),)


def _raise_failed(payload: bytes) -> None:
    error = parsed(payload)
    if isinstance(error, dict) and error.get("errorMessage") == "Unauthorized":
        raise HttpError(401, "Unauthorized", "the authorizer raised Unauthorized")
    raise HttpError(500, "Internal server error", f"the authorizer failed: {error}", authorizer_failed())


def _authorizer_event(call: Call, authorizer: Any) -> dict[str, Any]:
    """Return the event of an authorizer. Raises HttpError if the request lacks an identity source.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
    """
    sources = [each.strip() for each in (authorizer.identity_source or "").split(",") if each.strip()]
    values = [_source(call, each) for each in sources]
    if not all(values):
        raise HttpError(401, "Unauthorized", f"the request lacks one of {sources}")
    if authorizer.type == "TOKEN":
        return {"type": "TOKEN", "methodArn": call.arn, "authorizationToken": values[0]}
    event = {name: value for name, value in call.event().items() if name not in ("body", "isBase64Encoded")}
    return {"type": "REQUEST", "methodArn": call.arn, **event}


def _source(call: Call, source: str) -> str:
    where, _, name = source.removeprefix("method.request.").partition(".")
    if where == "header":
        return call.request.headers.get(name.lower(), "")
    return call.query.get(name, [""])[-1] if where == "querystring" else str(call.context().get(name, ""))


def _allows(document: dict[str, Any], arn: str) -> bool:
    """Return whether a policy of an authorizer allows to invoke a method."""
    from fnmatch import fnmatchcase  # noqa: PLC0415 - only here

    def matches(statement: dict[str, Any]) -> bool:
        resources = statement.get("Resource") or []
        listed = resources if isinstance(resources, list) else [resources]
        return any(fnmatchcase(arn, each) for each in listed)

    statements = document.get("Statement") or []
    effects = {each.get("Effect") for each in statements if matches(each)}
    return effects == {"Allow"}


def validate(call: Call) -> None:
    """Raise HttpError for a request that the validator of the method rejects.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
    """
    validator = call.api.request_validators.get(call.method.request_validator_id)
    if validator is None:
        return
    if _is_on(validator.validate_request_parameters):
        required = [name for name, needed in (call.method.request_parameters or {}).items() if _is_on(needed)]
        missing = [name.rpartition(".")[2] for name in required if not _given(call, name)]
        if missing:
            text = f"Missing required request parameters: [{', '.join(missing)}]"
            raise HttpError(400, text, "the request validator rejects the request")
    if _is_on(validator.validate_request_body):
        _validate_body(call)


def _given(call: Call, name: str) -> bool:
    where, _, key = name.removeprefix("method.request.").partition(".")
    return key in call.parameters if where == "path" else bool(_source(call, name))


def _validate_body(call: Call) -> None:
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415 - few methods validate
    from jsonschema.validators import validator_for  # noqa: PLC0415

    kind = call.request.headers.get("content-type", "application/json").partition(";")[0]
    model = call.api.models.get((call.method.request_models or {}).get(kind, ""))
    if model is None:
        return
    schema = json.loads(model.schema)
    try:
        validator_for(schema)(schema).validate(json.loads(call.request.body or b"null"))
    except (ValidationError, ValueError) as error:
        raise HttpError(400, "Invalid request body", str(error)[:200]) from error


def _is_on(value: Any) -> bool:
    return str(value).lower() == "true"
