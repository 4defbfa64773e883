"""Integrations with AWS services by subtype, such as `EventBridge-PutEvents`.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-aws-services-reference.html
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from millrace.local.core.http import Response
from millrace.local.services.apigatewayv2.call import Call
from millrace.local.services.apigatewayv2.errors import HttpError
from millrace.local.services.apigatewayv2.parameter_mapping import resolve
from millrace.local.services.apigatewayv2.service_calls import call_service
from millrace.local.services.eventbridge import HttpRequest

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion


@dataclass(frozen=True)
class _Subtype:
    """An operation of a service, by botocore's name of the service, with its parameters in a mapping."""

    service: str
    operation: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


_MACHINE = ("StateMachineArn",), ("Name", "Input")
SUBTYPES = {
    "EventBridge-PutEvents": _Subtype(
        "events",
        "PutEvents",
        ("Detail", "DetailType", "Source"),
        ("Time", "EventBusName", "Resources", "TraceHeader"),
    ),
    "SQS-SendMessage": _Subtype(
        "sqs",
        "SendMessage",
        ("QueueUrl", "MessageBody"),
        (
            "DelaySeconds",
            "MessageAttributes",
            "MessageDeduplicationId",
            "MessageGroupId",
            "MessageSystemAttributes",
        ),
    ),
    "SQS-ReceiveMessage": _Subtype(
        "sqs",
        "ReceiveMessage",
        ("QueueUrl",),
        (
            "AttributeName",
            "AttributeNames",
            "MaxNumberOfMessages",
            "MessageAttributeNames",
            "ReceiveRequestAttemptId",
            "VisibilityTimeout",
            "WaitTimeSeconds",
        ),
    ),
    "SQS-DeleteMessage": _Subtype("sqs", "DeleteMessage", ("ReceiptHandle", "QueueUrl")),
    "SQS-PurgeQueue": _Subtype("sqs", "PurgeQueue", ("QueueUrl",)),
    "Kinesis-PutRecord": _Subtype(
        "kinesis",
        "PutRecord",
        ("StreamName", "Data", "PartitionKey"),
        ("SequenceNumberForOrdering", "ExplicitHashKey"),
    ),
    "StepFunctions-StartExecution": _Subtype("stepfunctions", "StartExecution", *_MACHINE),
    "StepFunctions-StartSyncExecution": _Subtype(
        "stepfunctions", "StartSyncExecution", _MACHINE[0], (*_MACHINE[1], "TraceHeader")
    ),
    "StepFunctions-StopExecution": _Subtype("stepfunctions", "StopExecution", ("ExecutionArn",), ("Cause", "Error")),
}
_REGION = "Region"
_NAMES = {"AttributeName": "AttributeNames"}
"""Parameters of integrations that have another name in the API of the service."""
_JSON = "application/json"


def invalid_parameters(subtype: str, given: Mapping[str, str]) -> str | None:
    """Return why API Gateway rejects the parameters of an integration."""
    known = SUBTYPES[subtype]
    missing = [name for name in known.required if name not in given]
    if missing:
        return f"Parameter: {missing[0]} does not exist in RequestParameters of {subtype}"
    unknown = [name for name in given if name not in (*known.required, *known.optional, _REGION)]
    return f"Parameter: {unknown[0]} does not fit schema for Operation: {subtype}" if unknown else None


async def respond(region: "AccountRegion", call: Call) -> Response:
    """Return the response of the service. Raises HttpError."""
    integration = call.integration
    subtype = SUBTYPES[integration.integration_subtype]
    values = {name: _resolved(call, name, source) for name, source in (integration.request_parameters or {}).items()}
    target = values.pop(_REGION, region.name)
    model = _model(subtype.service)
    headers = {
        "Content-Type": f"application/x-amz-json-{model.metadata.get('jsonVersion', '1.0')}",
        "X-Amz-Target": f"{model.metadata['targetPrefix']}.{subtype.operation}",
    }
    answer = await call_service(
        region,
        integration.credentials_arn,
        (target, model.signing_name),
        HttpRequest("POST", "/", headers, json.dumps(_parameters(model, subtype, values)).encode()),
        integration.timeout_in_millis / 1000,
    )
    return Response(answer.status, answer.body, (("content-type", _JSON),))


def _resolved(call: Call, name: str, source: str) -> str:
    """Return the value of a parameter. Raises HttpError if the request does not have it."""
    value = resolve(source, call)
    if value is None:
        raise HttpError(400, "Bad Request", f"unable to resolve property {name} from source {source}")
    return value


def _model(service: str) -> Any:
    from moto.core.utils import get_service_model

    return get_service_model(service)


def _parameters(model: Any, subtype: _Subtype, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters of an operation from texts. Raises HttpError for a text of the wrong type."""
    shape = model.operation_model(subtype.operation).input_shape
    if subtype.operation == "PutEvents":
        return {"Entries": [_members(shape.members["Entries"].member, values)]}
    return _members(shape, values)


def _members(shape: Any, values: Mapping[str, str]) -> dict[str, Any]:
    by_name = {name.lower(): name for name in shape.members}
    named = {by_name[_NAMES.get(name, name).lower()]: value for name, value in values.items()}
    return {name: _converted(name, shape.members[name], value) for name, value in named.items()}


def _converted(name: str, shape: Any, text: str) -> Any:
    """Return a text as a value of a shape, as the JSON protocol of the service writes it. Raises HttpError."""
    try:
        return _CONVERSIONS.get(shape.type_name, str)(text)
    except (ValueError, OverflowError) as error:
        raise HttpError(400, "Bad Request", f"{name} is no {shape.type_name}: {error}") from error


def _moment(text: str) -> float:
    from botocore.utils import parse_timestamp

    return float(parse_timestamp(text).timestamp())


def _list(text: str) -> Any:
    return json.loads(text) if text.lstrip().startswith("[") else [text]


_CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "blob": lambda text: base64.b64encode(text.encode()).decode(),
    "integer": int,
    "list": _list,
    "map": json.loads,
    "structure": json.loads,
    "timestamp": _moment,
}
