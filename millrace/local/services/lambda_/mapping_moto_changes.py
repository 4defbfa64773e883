"""Changes to moto's event source mappings.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from collections.abc import Callable
from typing import Any

from millrace.local.core.moto_patches import replace
from millrace.local.services.lambda_.errors import api_error
from millrace.local.services.lambda_.event_source_mappings.filters import compile_filters
from millrace.local.services.lambda_.kafka_moto_changes import is_kafka, kafka_mapping

MAX_BATCH_WITHOUT_WINDOW = 10
_NO_QUEUE = (
    "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: "
    "The specified queue does not exist."
)
_NO_TIMESTAMP = (
    "Received Exception while reading from provided stream. class java.lang.Long can not be converted to a Timestamp"
)
_MISSING = "The resource you requested does not exist."
_CHANGED_BY = {"sqs": "USER_INITIATED"}
_OF_QUEUES = {"FunctionResponseTypes": [], "MaximumBatchingWindowInSeconds": 0}
_OF_STREAMS = _OF_QUEUES | {
    "BisectBatchOnFunctionError": False,
    "DestinationConfig": {"OnFailure": {}},
    "LastProcessingResult": "No records processed",
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
    "TumblingWindowInSeconds": 0,
}
_DEFAULTS = {"kinesis": _OF_STREAMS, "dynamodb": _OF_STREAMS}
"""By the service of the event source; a Kafka cluster of your own has no ARN."""


def apply() -> None:
    """Apply every change."""
    _check_and_qualify()
    _complete_configurations()
    _report_transitions()


def _check_and_qualify() -> None:
    """moto resolves an alias once, when a mapping is created, and accepts mappings that Lambda rejects."""
    from moto.awslambda.models import LambdaBackend

    create, update = LambdaBackend.create_event_source_mapping, LambdaBackend.update_event_source_mapping

    def create_event_source_mapping(backend: Any, spec: dict[str, Any]) -> Any:
        spec = {**spec, **_stream_of_consumer(spec)}
        _check_filters(spec)
        _check_source(spec)
        _check_existence(backend, spec)
        _check_batch(spec, spec.get("EventSourceArn", ""), spec.get("BatchSize"), 0)
        arn = qualified_arn(backend, spec["FunctionName"])
        _check_duplicate(backend, spec.get("EventSourceArn"), arn)
        mapping = kafka_mapping(backend, spec) if is_kafka(spec) else create(backend, spec)
        mapping.function_arn = arn
        return mapping

    def update_event_source_mapping(backend: Any, uuid: str, spec: dict[str, Any]) -> Any:
        _check_filters(spec)
        known = backend.get_event_source_mapping(uuid)
        if known:
            _check_batch(spec, known.event_source_arn, spec.get("BatchSize"), known.max_batch_window or 0)
        mapping = update(backend, uuid, spec)
        if mapping and "FunctionName" in spec:
            mapping.function_arn = qualified_arn(backend, spec["FunctionName"])
        return mapping

    replace(LambdaBackend, "create_event_source_mapping", create_event_source_mapping)
    replace(LambdaBackend, "update_event_source_mapping", update_event_source_mapping)


def _stream_of_consumer(spec: dict[str, Any]) -> dict[str, str]:
    """Return the stream of a consumer: its records are read like those of any other mapping.

    https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
    """
    stream, consumer, _ = str(spec.get("EventSourceArn", "")).partition("/consumer/")
    return {"EventSourceArn": stream} if consumer else {}


def qualified_arn(backend: Any, name: str) -> str:
    """Return the ARN of a function from a name or ARN, with its version or alias."""
    plain, _, qualifier = name.rpartition(":function:")[2].partition(":")
    arn = f"arn:aws:lambda:{backend.region_name}:{backend.account_id}:function:{plain}"
    return f"{arn}:{qualifier}" if qualifier else arn


def _check_filters(spec: dict[str, Any]) -> None:
    try:
        compile_filters(spec.get("FilterCriteria"))
    except ValueError as error:
        raise api_error(f"Invalid filter pattern definition. ({error})") from error


def _check_source(spec: dict[str, Any]) -> None:
    """A stream needs a starting position; that of a table cannot be a time. A queue has none."""
    arn, position = str(spec.get("EventSourceArn", "")), spec.get("StartingPosition")
    service = (*arn.split(":"), "", "", "")[2]
    if not arn and not is_kafka(spec):
        raise api_error("Unrecognized event source.")
    if (spec.get("DestinationConfig") or {}).get("OnSuccess"):
        raise api_error("Unsupported DestinationConfig parameter for given event source mapping type.")
    if service == "sqs" and position:
        raise api_error("StartingPosition is not valid for SQS event sources.")
    if spec.get("StartingPositionTimestamp") is not None and position != "AT_TIMESTAMP":
        raise api_error("Timestamp only valid with StartingPosition AT_TIMESTAMP")
    if service in ("kinesis", "dynamodb") and not position:
        message = "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
        raise api_error(f"{message}Member must not be null.")
    if service == "dynamodb" and position == "AT_TIMESTAMP":
        raise api_error(f"Unsupported starting position for arn type: {arn}")
    if position == "AT_TIMESTAMP" and float(spec.get("StartingPositionTimestamp") or 0) < 0:
        raise api_error(_NO_TIMESTAMP)


def _check_existence(backend: Any, spec: dict[str, Any]) -> None:
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.sqs.models import sqs_backends

    try:
        backend.get_function(spec["FunctionName"])
    except UnknownFunctionException:
        raise api_error("Function does not exist") from None
    arn = str(spec.get("EventSourceArn", ""))
    queues = sqs_backends[backend.account_id][backend.region_name].queues.values()
    if ":sqs:" in arn and all(queue.queue_arn != arn for queue in queues):
        raise api_error(_NO_QUEUE)


def _check_batch(spec: dict[str, Any], arn: str, size: Any, window: int) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html."""
    window = int(spec.get("MaximumBatchingWindowInSeconds", window) or 0)
    if ":sqs:" in arn and not arn.endswith(".fifo") and size and int(size) > MAX_BATCH_WITHOUT_WINDOW and not window:
        message = "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        raise api_error(message)


def _check_duplicate(backend: Any, source: Any, function: str) -> None:

    for mapping in list(backend._event_source_mappings.values()):
        if (mapping.event_source_arn, mapping.function_arn) == (source, function):
            of_queue = ":sqs:" in str(source)
            name = function.rpartition(":function:")[2]
            first = "An event source mapping with SQS arn" if of_queue else "The event source arn"
            last = "already exists" if of_queue else "provided mapping already exists"
            message = f'{first} (" {source} ") and function (" {name} ") {last}. Please update or delete the existing '
            raise api_error(f"{message}mapping with UUID {mapping.uuid}", "ResourceConflictException", 409)


def _complete_configurations() -> None:
    """Add the fields that Lambda returns with their defaults."""
    from moto.awslambda.models import EventSourceMapping

    get = EventSourceMapping.get_configuration

    def get_configuration(mapping: Any) -> dict[str, Any]:
        service = (*str(mapping.event_source_arn).split(":"), "", "")[2]
        defaults = _DEFAULTS.get(service, _OF_QUEUES)
        given = {name: value for name, value in get(mapping).items() if name != "Tags"}
        if not given["EventSourceArn"]:
            del given["EventSourceArn"]
        return {**defaults, **given, "StateTransitionReason": _CHANGED_BY.get(service, "User action")}

    replace(EventSourceMapping, "get_configuration", get_configuration)


def _report_transitions() -> None:
    """Lambda answers a change with the state that the mapping passes through."""
    import json

    from moto.awslambda.responses import LambdaResponse

    def passing(name: str, state: Callable[[Any], str]) -> None:
        answer = getattr(LambdaResponse, name)

        def answered(response: Any) -> Any:
            passed = state(response)
            _, _, body = answer(response)
            found = json.loads(body)
            if "UUID" not in found:
                headers = {"x-amzn-errortype": "ResourceNotFoundException", "status": 404}
                return 404, headers, json.dumps({"Type": "User", "Message": _MISSING})
            return 202, {"status": 202}, json.dumps({**found, "State": passed})

        replace(LambdaResponse, name, answered)

    def update(response: Any) -> str:
        enabled = response.json_body.get("Enabled")
        mapping = response.backend.get_event_source_mapping(response.path.split("/")[-1])
        if mapping is None or enabled in (None, mapping.enabled):
            return "Updating"
        return "Enabling" if enabled else "Disabling"

    passing("create_event_source_mapping", lambda _: "Creating")
    passing("update_event_source_mapping", update)
    passing("delete_event_source_mapping", lambda _: "Deleting")
