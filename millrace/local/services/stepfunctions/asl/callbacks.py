"""Tasks that wait for a task token or for an execution that they started."""

import json
import threading
from collections.abc import Callable
from typing import Any

from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.eval.callback import callback

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.asl.environment import Env
from millrace.local.services.stepfunctions.asl.errors import failure
from millrace.local.services.stepfunctions.asl.waits import Interrupted
from millrace.local.services.stepfunctions.state_machines import StepFunctions

_TASK_ENDED = "Task Timed Out: 'Provided task does not exist anymore'"
_MAX_CLOSED = 10_000


class TaskTokens:
    """The issued task tokens, and the endpoint that receives the outcome of each."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Any] = {}
        self._closed: dict[str, None] = {}
        self._machines: dict[str, str] = {}

    def add(self, token: str, endpoint: Any, machine: str) -> None:
        """Store an issued token and the ARN of the state machine that waits for it."""
        with self._lock:
            self._open[token] = endpoint
            self._machines[token] = machine

    def machine_of(self, token: str) -> str:
        """Return the ARN of the state machine that waits or waited for a token; "" for an unknown token."""
        return self._machines.get(token, "")

    def close(self, token: str) -> None:
        """Invalidate the token of an ended task."""
        with self._lock:
            self._open.pop(token, None)
            self._closed[token] = None
            while len(self._closed) > _MAX_CLOSED:
                oldest = next(iter(self._closed))
                del self._closed[oldest]
                self._machines.pop(oldest, None)

    def _endpoint(self, token: str) -> Any:
        with self._lock:
            if token in self._closed or getattr(self._open.get(token), "_outcome", None) is not None:
                raise ApiError("TaskTimedOut", _TASK_ENDED)
            if token not in self._open:
                raise ApiError("InvalidToken", "Invalid Token: 'Invalid token'")
            return self._open[token]

    def succeed(self, params: dict[str, Any]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html."""
        try:
            json.loads(params["output"])
        except ValueError as error:
            raise ApiError("InvalidOutput", f"Invalid Output: '{error}'") from error
        token = params["taskToken"]
        self._endpoint(token).notify(callback.CallbackOutcomeSuccess(token, params["output"]))
        return {}

    def fail(self, params: dict[str, Any]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html."""
        token = params["taskToken"]
        outcome = callback.CallbackOutcomeFailure(token, params.get("error"), params.get("cause"))
        self._endpoint(token).notify(outcome)
        return {}

    def beat(self, params: dict[str, Any]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html."""
        self._endpoint(params["taskToken"]).notify_heartbeat()
        return {}


def change() -> None:
    """Apply the changes to moto."""
    StateTaskServiceCallback._eval_body = _closing_tokens(StateTaskServiceCallback._eval_body)
    StateTaskServiceCallback._eval_execution = _with_a_token(StateTaskServiceCallback._eval_execution)
    StateTaskServiceCallback._eval_sync = _eval_sync
    StateTaskServiceSfn._build_sync_resolver = _build_sync_resolver
    StateTaskServiceSfn._build_sync2_resolver = _build_sync2_resolver


def _with_a_token(evaluate: Any) -> Any:
    """Give each attempt its own token. moto's retries share one, which already has an outcome."""

    def eval_execution(task: Any, env: Env) -> None:
        if not task._is_integration_pattern():
            evaluate(task, env)
            return
        task._assert_integration_pattern_is_supported()
        token = env.states.context_object.update_task_token()
        tokens: TaskTokens = env.run.region.service(StepFunctions).tokens
        endpoint = env.callback_pool_manager.add(token)
        tokens.add(token, endpoint, env.run.machine.arn)
        try:
            evaluate(task, env)
        except Exception:
            tokens.close(token)
            if not isinstance(outcome := endpoint.get_outcome(), callback.CallbackOutcomeSuccess):
                raise
            env.stack.append(json.loads(outcome.output))  # the sender was told that the outcome is accepted
        finally:
            tokens.close(token)

    return eval_execution


def _closing_tokens(evaluate: Any) -> Any:
    """Remove the token from the context object at the end of the state."""

    def eval_body(task: Any, env: Env) -> None:
        try:
            evaluate(task, env)
        finally:
            env.states.context_object.context_object_data.pop("Task", None)

    return eval_body


def _eval_sync(_task: Any, env: Env, sync_resolver: Callable[[], Any], **_more: Any) -> Any:
    """Wait without polling. moto polls twice a second, in real time."""
    if not env.is_running():
        raise Interrupted
    return sync_resolver()


def _build_sync_resolver(task: Any, env: Env, **_more: Any) -> Callable[[], Any]:
    return _resolver(task, env, plain=False)


def _build_sync2_resolver(task: Any, env: Env, **_more: Any) -> Callable[[], Any]:
    return _resolver(task, env, plain=True)


def _resolver(task: Any, env: Env, *, plain: bool) -> Callable[[], Any]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html."""
    started = env.stack.pop()["ExecutionArn"]

    def resolve() -> Any:
        machines = env.run.region.service(StepFunctions)
        child = machines.execution(started)
        try:
            child.wait_for_end(env)
        except Interrupted:
            child.stop("States.TaskFailed", "The execution that started it has ended.")
            raise
        result = _task_result(machines.operations.describe({"executionArn": started}), plain=plain)
        if child.status != "SUCCEEDED":
            where = {"resource": task._get_sfn_resource(), "resourceType": task._get_sfn_resource_type()}
            raise failure(env, "States.TaskFailed", json.dumps(result, separators=(",", ":")), **where)
        return result

    return resolve


def _task_result(description: dict[str, Any], *, plain: bool) -> dict[str, Any]:
    """Convert the result of DescribeExecution to that of a task. `plain` parses input and output."""
    shaped = {key[0].upper() + key[1:]: value for key, value in description.items()}
    for key in ("StartDate", "StopDate"):
        shaped[key] = int(shaped[key] * 1000)
    for key in ("InputDetails", "OutputDetails"):
        if key in shaped:
            shaped[key] = {"Included": True}
    for key in ("Input", "Output") if plain else ():
        if key in shaped:
            shaped[key] = json.loads(shaped[key])
    return shaped
