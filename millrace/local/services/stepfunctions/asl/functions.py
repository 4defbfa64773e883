"""Tasks that run a function: on the local cloud, in process."""

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.state_task_lambda import StateTaskLambda

from millrace.local.services.iam import Iam
from millrace.local.services.lambda_ import Lambda
from millrace.local.services.stepfunctions.asl.environment import Env
from millrace.local.services.stepfunctions.asl.errors import Named
from millrace.local.services.stepfunctions.asl.waits import Pause

if TYPE_CHECKING:
    from millrace.local.workers import Outcome

_UNKNOWN = "The cause could not be determined because Lambda did not return an error type. Returned payload: "


@dataclass
class FunctionError(Exception):
    """A function's own error, or Lambda's refusal."""

    error: str
    cause: str


@dataclass(frozen=True)
class _Answer:
    request_id: str
    outcome: "Outcome | None"
    missing: str | None = None
    denied: str = ""


def change() -> None:
    """Change moto, which makes a boto3 client for each task and calls its own endpoint over HTTP."""
    lambda_eval_utils.execute_lambda_function_integration = _task
    service, plain = StateTaskServiceLambda._from_error, StateTaskLambda._from_error

    def from_service(task: Any, env: Env, ex: Exception) -> Any:
        if not isinstance(ex, FunctionError):
            return service(task, env=env, ex=ex)
        where = {"resource": task._get_sfn_resource(), "resourceType": task._get_sfn_resource_type()}
        return _failed(env, ex, HistoryEventType.TaskFailed, "taskFailedEventDetails", where)

    def from_function(task: Any, env: Env, ex: Exception) -> Any:
        if not isinstance(ex, FunctionError):
            return plain(task, env=env, ex=ex)
        return _failed(env, ex, HistoryEventType.LambdaFunctionFailed, "lambdaFunctionFailedEventDetails", {})

    StateTaskServiceLambda._from_error = from_service
    StateTaskLambda._from_error = from_function


def _failed(env: Env, ex: FunctionError, kind: Any, details: str, where: dict[str, str]) -> Any:
    return FailureEvent(env, Named(ex.error), kind, {details: {"error": ex.error, "cause": ex.cause, **where}})


def _task(env: Env, parameters: dict[str, Any], region: str, state_credentials: Any) -> None:  # noqa: ARG001 - moto's
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html."""
    name = str(parameters["FunctionName"])
    qualifier = parameters.get("Qualifier")
    payload = parameters.get("Payload")
    text = payload if isinstance(payload, bytes) else json.dumps({} if payload is None else payload).encode()
    answer = _invoke(env, f"{name}:{qualifier}" if qualifier else name, text)
    env.stack.append(_response(answer, str(qualifier or "$LATEST")))


def _invoke(env: Env, name: str, payload: bytes) -> _Answer:
    """Run a function on the scheduler's thread, and wait for it in this one."""
    functions = env.run.region.service(Lambda).functions
    pause = Pause()

    def begin() -> None:
        run = env.run
        params = {"FunctionName": name}
        denied = run.region.service(Iam).access.refusal(run.machine.role, run.machine.name, "lambda", "Invoke", params)
        if denied:
            pause.wake(_Answer(str(uuid.uuid4()), None, denied=denied))
            return
        try:
            function = functions.find(name)
        except LookupError as error:
            pause.wake(_Answer("", None, str(error.args[0])))
            return
        ids: list[str] = []
        ids.append(functions.invoke(function, payload, lambda outcome: ended(outcome, ids), urgent=run.machine.express))

    def ended(outcome: "Outcome | None", ids: list[str]) -> None:
        pause.wake(_Answer(ids[0] if ids else "", outcome))

    env.scheduler.soon(begin, f"call of {name.rpartition(':')[2]}")
    env.pause(pause)
    answer: _Answer = pause.outcome
    return answer


def _response(answer: _Answer, version: str) -> dict[str, Any]:
    if answer.denied:
        refused = _refused(answer, "AccessDeniedException", answer.denied, 403)
        raise FunctionError("Lambda.AWSLambdaException", refused.cause)
    if answer.missing is not None:
        raise _refused(answer, "ResourceNotFoundException", answer.missing, 404)
    if answer.outcome is None:
        raise _refused(answer, "TooManyRequestsException", "Rate Exceeded.", 429)
    text = answer.outcome.payload.decode()
    if answer.outcome.status != "ok":
        raise _function_error(text)
    return {
        "ExecutedVersion": version,
        "Payload": _parsed(text),
        "SdkHttpMetadata": {"HttpStatusCode": 200},
        "SdkResponseMetadata": {"RequestId": answer.request_id},
        "StatusCode": 200,
    }


def _refused(answer: _Answer, code: str, message: str, status: int) -> FunctionError:
    about = f"Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {answer.request_id}"
    return FunctionError(f"Lambda.{code}", f"{message} ({about}; Proxy: null)")


def _function_error(text: str) -> FunctionError:
    content = _parsed(text)
    name = content.get("errorType") if isinstance(content, dict) else None
    return FunctionError(name, text) if name else FunctionError("Lambda.Unknown", f"{_UNKNOWN}{json.dumps(text)}")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text  # a function may answer with what is no JSON
