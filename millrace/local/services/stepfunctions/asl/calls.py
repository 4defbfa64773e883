"""Tasks that call a service, in process if the local cloud implements it, otherwise through the endpoint."""

import functools
import json
import threading
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ClientError
from moto.settings import moto_server_port
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_dynamodb,
    state_task_service_events,
    state_task_service_sfn,
    state_task_service_sns,
    state_task_service_sqs,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_events import (
    SfnFailedEntryCountException,
    StateTaskServiceEvents,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sqs import (
    StateTaskServiceSqs,
)
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from millrace.local.core.botocore_models import session
from millrace.local.core.errors import ApiError
from millrace.local.services.eventbridge import EventBridge
from millrace.local.services.iam import Iam
from millrace.local.services.stepfunctions.asl.environment import Env
from millrace.local.services.stepfunctions.asl.errors import failed_task
from millrace.local.services.stepfunctions.asl.waits import Pause, current
from millrace.local.services.stepfunctions.state_machines import StepFunctions

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.asl.run import Run

_SHAPED_HERE = frozenset({"events", "lambda", "stepfunctions"})
"""Services whose parameters and answers need no shaping for boto3: they are called in process."""
_BOTO_NAMES = {
    "cloudwatchlogs": "logs",
    "cognitoidentityprovider": "cognito-idp",
    "elasticloadbalancingv2": "elbv2",
    "eventbridge": "events",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}
_CALLERS = (
    state_task_service_dynamodb,
    state_task_service_events,
    state_task_service_sfn,
    state_task_service_sns,
    state_task_service_sqs,
)
_DENIALS = {
    StateTaskServiceDynamoDB: ("DynamoDB.AmazonDynamoDBException", "AmazonDynamoDBv2"),
    StateTaskServiceEvents: ("EventBridge.AmazonEventBridgeException", "AmazonEventBridge"),
    StateTaskServiceSfn: ("StepFunctions.AWSStepFunctionsException", "AWSStepFunctions"),
    StateTaskServiceSqs: ("SQS.AmazonSQSException", "AmazonSQS"),
}
"""How the optimised integrations call an error that their services' models do not name, as a denial is."""
_clients: dict[tuple[str, str, str], Any] = {}
_lock = threading.Lock()


def change() -> None:
    """Change moto, which makes a boto3 client for each task, and leaves parameters and answers as they are."""
    for module in _CALLERS:
        module.boto_client_for = client_for
    state_task_service_aws_sdk.boto_client_for = _sdk_client_for
    StateTaskService._normalise_parameters = _to_boto
    StateTaskService._normalise_response = _from_boto
    StateTaskService._get_boto_service_name = _boto_name
    StateTaskService._get_boto_service_action = _boto_action
    StateTaskServiceAwsSdk._normalise_service_error_name = staticmethod(service_name_in_errors)
    StateTaskServiceEvents._from_error = _cause_as_text(StateTaskServiceEvents._from_error)
    for task, (error, name) in _DENIALS.items():
        task._from_error = _tells_denial(task._from_error, error, name)


def client_for(region: str, service: str, state_credentials: Any = None) -> Any:  # noqa: ARG001 - as moto calls it
    """A client of the local cloud, made once for each service."""
    in_process = {"events": _Events, "stepfunctions": _Machines}
    return in_process[service](current()) if service in in_process else boto_client(service)


def _sdk_client_for(region: str, service: str, state_credentials: Any = None) -> Any:  # noqa: ARG001 - as moto calls it
    return boto_client(service)


def boto_client(service: str) -> Any:
    """A boto3 client of the local cloud that calls with the role of the state machine. Thread-safe."""
    from botocore.config import Config  # noqa: PLC0415 - only some machines call services

    url, run = f"http://127.0.0.1:{moto_server_port()}", current().run
    keys = run.region.service(Iam).access.session(run.machine.role, run.machine.name)
    with _lock:
        known = (url, service, keys["AWS_ACCESS_KEY_ID"])
        if known not in _clients:
            _clients[known] = session(run.region.name, keys).client(
                service,
                endpoint_url=url,
                config=Config(
                    parameter_validation=False,
                    retries={"total_max_attempts": 1},
                    inject_host_prefix=False,
                    s3={"addressing_style": "path"},
                    max_pool_connections=50,
                ),
            )
        return _clients[known]


class _Events:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html."""

    def __init__(self, env: Env) -> None:
        self._env = env

    def put_events(self, **parameters: Any) -> dict[str, Any]:
        """Put events on the local cloud."""
        entries, run = parameters.get("Entries") or [], self._env.run

        def put() -> list[dict[str, str]]:
            check(run, "events", "PutEvents", {"Entries": entries})
            return run.region.service(EventBridge).buses.put(entries)

        results = on_loop(self._env, put, "PutEvents")
        return {"Entries": results, "FailedEntryCount": sum("ErrorCode" in result for result in results)}


class _Machines:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html."""

    def __init__(self, env: Env) -> None:
        self._env = env

    def start_execution(self, **parameters: Any) -> dict[str, Any]:
        """Start an execution."""
        params = {key[0].lower() + key[1:]: value for key, value in parameters.items()}
        run = self._env.run

        def start() -> Any:
            check(run, "states", "StartExecution", params)
            return run.region.service(StepFunctions).operations.answers["StartExecution"](params)

        answer: dict[str, Any] = on_loop(self._env, start, "StartExecution")
        return {"ExecutionArn": answer["executionArn"], "StartDate": int(answer["startDate"] * 1000)}


def check(run: "Run", service: str, operation: str, params: dict[str, Any]) -> None:
    """Raise ApiError if the role of the state machine does not allow a call."""
    refusal = run.region.service(Iam).access.refusal(run.machine.role, run.machine.name, service, operation, params)
    if refusal:
        raise ApiError("AccessDeniedException", refusal)


def on_loop(env: Env, action: Callable[[], Any], operation: str) -> Any:
    """Do something on the scheduler's thread, and wait for its answer. A refusal becomes boto3's error."""
    pause = Pause()

    def run() -> None:
        try:
            pause.wake((action(), None))
        except Exception as error:  # noqa: BLE001 - it is raised again in the thread of the execution
            pause.wake((None, error))

    env.scheduler.soon(run, f"{operation} of {env.run.held_as}")
    env.pause(pause)
    answer, error = pause.outcome
    if isinstance(error, ApiError):
        raise _client_error(error, operation)
    if error is not None:
        raise error
    return answer


def _client_error(refused: ApiError, operation: str) -> ClientError:
    response = {
        "Error": {"Code": refused.code, "Message": refused.message},
        "ResponseMetadata": {"HTTPStatusCode": refused.status, "RequestId": str(uuid.uuid4())},
    }
    return ClientError(response, operation)  # type: ignore[arg-type,unused-ignore]


def _boto_name(task: Any, boto_service_name: str | None = None) -> str:
    name = boto_service_name or task.resource.api_name
    return _BOTO_NAMES.get(name, name)


def _boto_action(task: Any, service_action_name: str | None = None) -> str:
    return str(xform_name(service_action_name or task.resource.api_action))


def _operation(task: Any) -> Any:
    service = _boto_name(task)
    if not isinstance(task, StateTaskServiceAwsSdk) and service in _SHAPED_HERE:
        return None
    action = task.resource.api_action
    return boto_client(service).meta.service_model.operation_model(action[0].upper() + action[1:])


def _to_boto(task: Any, parameters: dict[str, Any], *_names: Any, **_more: Any) -> None:
    operation = _operation(task)
    if operation and operation.input_shape:
        task._to_boto_request(parameters, operation.input_shape)


def _from_boto(task: Any, response: Any, *_names: Any, **_more: Any) -> None:
    operation = _operation(task)
    if operation and operation.output_shape:
        task._from_boto_response(response, operation.output_shape)
    if isinstance(response, dict):
        plain = json.loads(to_json_str(response))
        response.clear()
        response.update(plain)


@functools.lru_cache(64)
def service_name_in_errors(service: str) -> str:
    """How the errors of an SDK integration begin: as the AWS SDK for Java names the service.

    https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html
    """
    from botocore.session import get_session  # noqa: PLC0415 - only for errors

    model = get_session().get_service_model(_BOTO_NAMES.get(service, service))
    words = model.service_id.replace("DynamoDB", "Dynamo Db").split()
    return "".join(word.capitalize() if word.isupper() else word for word in words)


def _cause_as_text(from_error: Any) -> Any:
    """moto gives the history an object where AWS has a text."""

    def from_any_error(task: Any, env: Env, ex: Exception) -> Any:
        if isinstance(ex, SfnFailedEntryCountException):
            ex.cause = to_json_str(ex.cause)
        return from_error(task, env, ex)

    return from_any_error


def _tells_denial(from_error: Any, name: str, service: str) -> Any:
    """moto calls a denial by its code, or by no name of its own."""

    def from_any_error(task: Any, env: Env, ex: Exception) -> Any:
        if not isinstance(ex, ClientError) or "AccessDenied" not in ex.response["Error"]["Code"]:
            return from_error(task, env=env, ex=ex)
        error, metadata = ex.response["Error"], ex.response["ResponseMetadata"]
        status = f"Status Code: {metadata['HTTPStatusCode']}; Error Code: {error['Code']}"
        known = f"Service: {service}; {status}; Request ID: {metadata.get('RequestId', '')}; Proxy: null"
        where = {"resource": task._get_sfn_resource(), "resourceType": task._get_sfn_resource_type()}
        return failed_task(env, name, f"{error['Message']} ({known})", **where)

    return from_any_error
