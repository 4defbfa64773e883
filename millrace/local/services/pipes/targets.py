"""The target of a pipe.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-target.html
"""

from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Failure
from millrace.local.core.targets import attempt, send
from millrace.local.services.eventbridge import EventBridge, InputTransformError
from millrace.local.services.pipes.templates import resolved

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

ACTIONS = {
    "events": "events:PutEvents",
    "firehose": "firehose:PutRecordBatch",
    "kinesis": "kinesis:PutRecords",
    "lambda": "lambda:InvokeFunction",
    "logs": "logs:PutLogEvents",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}
"""The permission that the role of the pipe needs, by the target's service."""
PARAMETERS = {
    "api-destination": "HttpParameters",
    "events": "EventBridgeEventBusParameters",
    "kinesis": "KinesisStreamParameters",
    "lambda": "LambdaFunctionParameters",
    "logs": "CloudWatchLogsParameters",
    "sqs": "SqsQueueParameters",
    "states": "StepFunctionStateMachineParameters",
}
_OF_RULES = {"kinesis": "KinesisParameters", "logs": "LogsParameters", "sqs": "SqsParameters"}
_WHOLE_BATCH = ("lambda", "states")


def kind_of(arn: str) -> str:
    """Return the service of a target, or `api-destination`."""
    return "api-destination" if ":api-destination/" in arn else arn.split(":")[2]


def action(arn: str, *, waits: bool) -> str:
    """Return the permission that the role needs to call a target or an enrichment."""
    if kind_of(arn) == "api-destination":
        return "events:InvokeApiDestination"
    return "states:StartSyncExecution" if waits and kind_of(arn) == "states" else ACTIONS[kind_of(arn)]


def parameters_of(pipe: Any) -> dict[str, Any]:
    """Return the parameters of the target's kind."""
    return (pipe.target_parameters or {}).get(PARAMETERS.get(kind_of(pipe.target), "")) or {}


def takes_batches(pipe: Any) -> bool:
    """Return whether the target gets a batch as one JSON array."""
    return kind_of(pipe.target) in _WHOLE_BATCH


def waits_for(pipe: Any) -> bool:
    """Return whether the pipe waits for the result of its target."""
    return takes_batches(pipe) and parameters_of(pipe).get("InvocationType") != "FIRE_AND_FORGET"


def put(region: "AccountRegion", pipe: Any, event: Any, body: str) -> Failure | None:
    """Send one event to a target, and return how it failed."""
    try:
        parameters = resolved(parameters_of(pipe), event)
    except InputTransformError as error:
        return Failure("INVALID_PARAMETER", str(error))
    if kind_of(pipe.target) == "events":
        return _put_event(region, pipe, parameters, body)
    target = {"Arn": pipe.target, _OF_RULES.get(kind_of(pipe.target), "Parameters"): parameters}
    return attempt(lambda: send(region, target, body))


def _put_event(region: "AccountRegion", pipe: Any, parameters: dict[str, Any], body: str) -> Failure | None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-target.html."""
    entry = {
        "EventBusName": pipe.target,
        "Source": parameters.get("Source") or f"Pipe {pipe.name}",
        "DetailType": parameters.get("DetailType") or f"Event from aws:{pipe.source.split(':')[2]}",
        "Detail": body,
        "Resources": parameters.get("Resources") or [],
        "Time": parameters.get("Time"),
    }
    (result,) = region.service(EventBridge).buses.put([entry])
    return Failure(result["ErrorCode"], result.get("ErrorMessage", "")) if "ErrorCode" in result else None
