"""What an API requires of a request: its policy, an API key, valid parameters and a valid body."""

import json
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.json_text import is_true, parsed
from millrace.local.services.apigateway.call import Call
from millrace.local.services.apigatewayv2 import HttpError, forbidden
from millrace.local.services.iam import Iam, InvalidPolicyError, Permission, unauthorized

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_SECONDS_OF_PATTERN = 0.2
"""Requests are validated on the scheduler's thread."""


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
    from jsonschema.exceptions import ValidationError
    from referencing.exceptions import Unresolvable

    kind = call.request.headers.get("content-type", "application/json").partition(";")[0]
    model = call.api.models.get((call.method.request_models or {}).get(kind, ""))
    if model is None:
        return
    try:
        _validator(call.api, json.loads(model.schema)).validate(json.loads(call.request.body or b"null"))
    except Unresolvable as error:
        raise HttpError(500, "Internal server error", f"the model {model.name} refers to no model: {error}") from error
    except (ValidationError, ValueError, RecursionError) as error:
        raise HttpError(400, "Invalid request body", str(error)[:200]) from error


def _validator(api: Any, schema: Any) -> Any:
    """Return a validator that reads no other document than the models of the API, and limits the time of patterns."""
    import referencing
    from jsonschema.validators import extend, validator_for

    registry: Any = referencing.Registry  # mypy does not see the arguments of its decorator
    kind = extend(validator_for(schema), {"pattern": _check_pattern})
    return kind(schema, registry=registry(retrieve=partial(_referenced, api)))


def _referenced(api: Any, uri: str) -> Any:
    """Return the model at an address. jsonschema would fetch files and web pages.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/models-mappings-models.html
    """
    from referencing import Resource
    from referencing.jsonschema import DRAFT4

    prefix = f"https://apigateway.amazonaws.com/restapis/{api.id}/models/"
    model = api.models.get(uri.removeprefix(prefix)) if uri.startswith(prefix) else None
    if model is None:
        raise LookupError(f"The API has no model {uri}.")
    return Resource.from_contents(json.loads(model.schema), default_specification=DRAFT4)


def _check_pattern(_validator: Any, pattern: str, text: Any, _schema: Any) -> Iterator[Exception]:
    import regex  # takes 20 ms; few APIs have models with patterns
    from jsonschema.exceptions import ValidationError

    try:
        if isinstance(text, str) and not regex.search(pattern, text, timeout=_SECONDS_OF_PATTERN):
            yield ValidationError(f"{text!r} does not match {pattern!r}")
    except TimeoutError:
        yield ValidationError(f"comparing with {pattern!r} takes more than {_SECONDS_OF_PATTERN} s")
