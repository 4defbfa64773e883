"""The tasks of a state machine: each invokes a function, with retries.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.function.function import Function, declared_function, pascal_case
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import Tables
from millrace.constructs.workflow.callbacks import WaitingTask
from millrace.runtime import Declaration, InProgressError
from millrace.runtime.callbacks import Expected
from millrace.runtime.tokens import AlreadyAnsweredError

TRANSIENT_ERRORS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]
"""https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception"""
_TRANSIENT_ATTEMPTS = 50
_TRANSIENT_MAX_DELAY = Duration.minutes(5)
"""Nearly four hours of throttling, half of that with full jitter. A Saga undoes its steps only after that."""
_TIMEOUT_MARGIN_SECONDS = 15
"""10 s for a cold start, the maximum of Lambda's init phase, and 5 s for the calls.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""
_PAYLOAD = {
    "flow.$": "$",
    "attempt.$": "$$.State.RetryCount",
    "execution.$": "$$.Execution.Id",
}
_TOKEN = {"token": sfn.JsonPath.task_token, "redrives.$": "$$.Execution.RedriveCount"}

Task = tasks.LambdaInvoke | WaitingTask


class UnknownStepError(LookupError):
    """A flow uses a step that its mediator does not have."""


class Steps:
    """The functions and tasks of a mediator's steps. A task that exhausts its retries fails the execution."""

    def __init__(self, scope: Construct, bus: Bus, tables: Tables, settings: Settings) -> None:
        self._scope = scope
        self._bus = bus
        self._tables = tables
        self._settings = settings
        self._tasks: dict[str, Task] = {}

    def add(self, declaration: Declaration, *, parallel: bool = False) -> None:
        """Create the function and the task of a step; a parallel step returns only its own events."""
        self._tasks[declaration.name] = self._task(declaration, parallel=parallel)

    def task(self, name: str) -> Task:
        """Return the task of a step; a step that waits for a callback has two states."""
        if name not in self._tasks:
            known = ", ".join(self._tasks)
            raise UnknownStepError(f"{self._scope.node.path} has no step {name}: add it to the steps {known}.")
        return self._tasks[name]

    def _task(self, declaration: Declaration, *, parallel: bool) -> Task:
        scope = Construct(self._scope, pascal_case(declaration.name))
        worker = declared_function(scope, "step", declaration, self._bus, self._tables, self._settings)
        Alarms(scope, self._bus.alarm_topic).function(worker.function)
        reason = "Its state machine invokes it synchronously; failed executions go to the dead-letter queue."
        acknowledge(worker.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(worker.function, "A throttled step is retried; a reservation would limit others.", "CKV_AWS_115")
        payload = _PAYLOAD | {"parallel": True} if parallel else _PAYLOAD
        if declaration.callback is None:
            return invoke(self._scope, declaration.name, worker, payload)
        request = _request(self._scope, declaration.name, worker, payload, declaration.callback)
        return WaitingTask(request, invoke(self._scope, f"{declaration.name}: answer", worker, payload))


def invoke(scope: Construct, name: str, worker: Function, payload: dict[str, Any]) -> tasks.LambdaInvoke:
    """Create a task that invokes a function and has its result as output."""
    timeout = Duration.seconds(worker.timeout.to_seconds() + _TIMEOUT_MARGIN_SECONDS)
    task = tasks.LambdaInvoke(
        scope,
        name,
        lambda_function=worker.function,
        payload=sfn.TaskInput.from_object(payload),
        output_path="$.Payload",
        retry_on_service_exceptions=False,
        task_timeout=sfn.Timeout.duration(timeout),
    )
    _add_retries(task, worker)
    return task


def _request(
    scope: Construct, name: str, worker: Function, payload: dict[str, Any], expected: Expected
) -> tasks.LambdaInvoke:
    """Create a task that waits for its token. It is not retried after its timeout."""
    task = tasks.LambdaInvoke(
        scope,
        name,
        lambda_function=worker.function,
        payload=sfn.TaskInput.from_object(payload | _TOKEN),
        integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        result_path="$.answer",
        retry_on_service_exceptions=False,
        task_timeout=sfn.Timeout.duration(Duration.seconds(expected.seconds)),
    )
    task.add_retry(errors=["States.Timeout", AlreadyAnsweredError.__name__], max_attempts=0)
    _add_retries(task, worker)
    return task


def _add_retries(task: sfn.TaskStateBase, worker: Function) -> None:
    _add_retry(task, TRANSIENT_ERRORS, seconds=2, attempts=_TRANSIENT_ATTEMPTS, max_delay=_TRANSIENT_MAX_DELAY)
    # An attempt that was killed holds its idempotency record until the function's timeout.
    after_timeout = Duration.seconds(worker.timeout.to_seconds() + 1)
    task.add_retry(errors=[InProgressError.__name__], interval=after_timeout, max_attempts=3, backoff_rate=1)
    _add_retry(task, ["States.ALL"], seconds=1, attempts=2)


def _add_retry(
    task: sfn.TaskStateBase, errors: list[str], *, seconds: int, attempts: int, max_delay: Duration | None = None
) -> None:
    task.add_retry(
        errors=errors,
        interval=Duration.seconds(seconds),
        max_attempts=attempts,
        max_delay=max_delay,
        backoff_rate=2,
        jitter_strategy=sfn.JitterType.FULL,
    )
