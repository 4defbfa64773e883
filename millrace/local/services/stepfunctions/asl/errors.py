"""How errors are named, matched by Retry and Catch, and recorded in the history."""

from typing import Any

from botocore.exceptions import ClientError
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_dynamodb import (
    StateTaskServiceDynamoDB,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import HeartbeatTimeoutError

from millrace.local.services.stepfunctions.asl.environment import Env

_TIMEOUTS = frozenset({"States.Timeout", "States.HeartbeatTimeout"})
_NEVER_CAUGHT = frozenset({"States.DataLimitExceeded", "States.Runtime"})
_DETAILS = {"EvaluationFailed": "evaluationFailedEventDetails", "TaskFailed": "taskFailedEventDetails"}


class Named(ErrorName):  # type: ignore[misc,unused-ignore]
    """An error by its name, which moto does not have to know; `also` is another that Retry and Catch know it by."""

    def __init__(self, name: str | None, also: str | None = None) -> None:
        super().__init__(name)
        self.also = also


def failed_task(env: Env, name: str, cause: str, **where: str) -> Any:
    """The event of a task that failed with an error; `where` is the task's resource and its type."""
    details = {"taskFailedEventDetails": {"error": name, "cause": cause, **where}}
    return FailureEvent(env, Named(name), HistoryEventType.TaskFailed, details)


def failure(env: Env, name: str, cause: str | None, *, event: str = "TaskFailed", **details: Any) -> Exception:
    """The exception that fails a state with an error."""
    known = {"error": name, "cause": cause, **details}
    details = {_DETAILS[event]: {key: value for key, value in known.items() if value is not None}}
    made: Exception = FailureEventException(FailureEvent(env, Named(name), HistoryEventType(event), details))
    return made


def change() -> None:
    """Apply the changes to moto."""
    ErrorEqualsDecl._eval_body = _matches
    CustomErrorName.__init__ = _any_name
    timed_out = StateTaskService._get_timed_out_failure_event
    from_error = StateTaskService._from_error

    def from_any_error(task: Any, env: Env, ex: Exception) -> Any:
        if isinstance(ex, HeartbeatTimeoutError):
            failure_event = timed_out(task, env)
            failure_event.error_name = Named("States.Timeout", also="States.HeartbeatTimeout")
            return failure_event
        return from_error(task, env=env, ex=ex)

    StateTaskService._from_error = from_any_error
    _tell_dynamodb_errors_apart()


def _tell_dynamodb_errors_apart() -> None:
    """moto gives every error of a DynamoDB task one name, those of the language too."""
    from_dynamodb = StateTaskServiceDynamoDB._from_error

    def from_any_error(task: Any, env: Env, ex: Exception) -> Any:
        if isinstance(ex, ClientError):
            return from_dynamodb(task, env, ex)
        return StateTaskService._from_error(task, env, ex)

    StateTaskServiceDynamoDB._from_error = from_any_error


def _any_name(error: Any, error_name: str | None) -> None:
    """moto turns a branch that failed with an error of the language itself into another error."""
    ErrorName.__init__(error, error_name)


def _matches(decl: Any, env: Env) -> None:
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html."""
    error = env.stack.pop()
    names = {error.error_name, getattr(error, "also", None)} - {None}
    wanted = {each.error_name for each in decl.error_names}
    caught = bool(names & wanted)
    if not names & _NEVER_CAUGHT:
        caught = caught or "States.ALL" in wanted or ("States.TaskFailed" in wanted and not names & _TIMEOUTS)
    env.stack.append(caught)
