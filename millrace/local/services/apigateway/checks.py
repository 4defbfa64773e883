"""What an API requires of a request: its policy, an API key, valid parameters and a valid body."""

import json
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.json_text import is_true, parsed
from millrace.local.services.apigateway.call import Call
from millrace.local.services.apigateway.models import model_validator
from millrace.local.services.apigatewayv2 import HttpError, forbidden
from millrace.local.services.iam import Iam, InvalidPolicyError, Permission, unauthorized

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


def check_policy(region: "AccountRegion", call: Call) -> None:
    """Raise HttpError unless the resource policy of the API allows the method. With IAM, it must only not deny it.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
    """
    document = parsed(call.api.policy) if call.api.policy else None
    if not document:
        return
    prefix = f"arn:aws:execute-api:{call.region}:{call.account}:{call.api.id}"
    expanded = json.loads(json.dumps(document).replace('"execute-api:/', f'"{prefix}/'))
    try:
        denied = region.service(Iam).access.denied_by(expanded, Permission("execute-api:Invoke", call.arn))
    except (InvalidPolicyError, UnsupportedPolicyError) as error:
        raise HttpError(500, "Internal server error", f"the policy of {call.api.id}: {error}") from error
    if denied and ("explicit" in denied.why or call.method.authorization_type != "AWS_IAM"):
        message = unauthorized("User: anonymous", denied)
        headers = (("x-amzn-errortype", "AccessDeniedException"),)
        raise HttpError(403, message, denied.why, headers, "Message")


def check_key(region: "AccountRegion", call: Call) -> None:
    """Raise HttpError without an enabled key of a usage plan for the stage.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-api-usage-plans.html
    """
    backend, given = region.backends.apigateway, call.request.headers.get("x-api-key")
    if call.api.api_key_source == "AUTHORIZER":
        given = call.usage_key
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


def validate(call: Call) -> None:
    """Raise HttpError for a request that the validator of the method rejects.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-method-request-validation.html
    """
    validator = call.api.request_validators.get(call.method.request_validator_id)
    if validator is None:
        return
    if is_true(validator.validate_request_parameters):
        required = [name for name, needed in (call.method.request_parameters or {}).items() if is_true(needed)]
        missing = [name.rpartition(".")[2] for name in required if not call.value(name)]
        if missing:
            text = f"Missing required request parameters: [{', '.join(missing)}]"
            raise HttpError(400, text, "the request validator rejects the request")
    if is_true(validator.validate_request_body):
        _validate_body(call)


def _validate_body(call: Call) -> None:
    from referencing.exceptions import Unresolvable

    kind = call.request.headers.get("content-type", "application/json").partition(";")[0]
    model = call.api.models.get((call.method.request_models or {}).get(kind, ""))
    if model is None:
        return
    try:
        errors = model_validator(call.api, json.loads(model.schema)).iter_errors(
            json.loads(call.request.body or b"null")
        )
        error = next(errors, None)
    except Unresolvable as missing:
        raise HttpError(
            500, "Internal server error", f"the model {model.name} refers to no model: {missing}"
        ) from missing
    except (ValueError, RecursionError) as invalid:
        raise HttpError(400, "Invalid request body", str(invalid)[:200]) from invalid
    if error:
        raise HttpError(400, "Invalid request body", error.message[:200])
