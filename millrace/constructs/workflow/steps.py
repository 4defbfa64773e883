"""The tasks of a state machine: each calls a function, and tries again before it fails.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
"""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.function.function import Function, Settings, declared_function
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import Tables
from millrace.constructs.workflow.callbacks import Asked
from millrace.runtime import Declaration, StillInProgress
from millrace.runtime.callbacks import Expected
from millrace.runtime.tokens import AlreadyAnswered

TRANSIENT = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]
"""https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception"""
_SLACK_SECONDS = 5
_PAYLOAD = {
    "flow.$": "$",
    "attempt.$": "$$.State.RetryCount",
    "execution.$": "$$.Execution.Id",
}
_OF_THE_TRY = {"token": sfn.JsonPath.task_token, "redrives.$": "$$.Execution.RedriveCount"}


Task = tasks.LambdaInvoke | Asked


class UnknownStep(LookupError):
    """A flow asks for a step that its mediator was not given."""


class Steps:
    """The steps of one mediator, a function and a task each; a task that fails for good fails its execution."""

    def __init__(self, scope: Construct, bus: Bus, tables: Tables, settings: Settings) -> None:
        self._scope = scope
        self._bus = bus
        self._tables = tables
        self._settings = settings
        self._tasks: dict[str, Task] = {}
        self._beside: dict[str, Task] = {}

    def add(self, declaration: Declaration, *, beside: bool = False) -> None:
        """Make the function and the task of a step; one that runs `beside` others answers with its own events alone."""
        (self._beside if beside else self._tasks)[declaration.name] = self._task(declaration, beside=beside)

    def task(self, name: str) -> Task:
        """The task of a step; two of them, as one, where it waits for an answer."""
        known = self._tasks | self._beside
        if name not in known:
            raise UnknownStep(f"{self._scope.node.path} has no step {name}, only {', '.join(known)}: add it.")
        return known[name]

    def _task(self, declaration: Declaration, *, beside: bool) -> Task:
        place = Construct(self._scope, _pascal(declaration.name))
        worker = declared_function(place, "step", declaration, self._bus, self._tables, self._settings)
        Alarms(place, self._bus.alarm_topic).function(worker.function)
        kept = "Its state machine invokes it and waits for it; an execution that fails is kept."
        acknowledge(worker.function, kept, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(worker.function, "A throttled step is tried again; a reservation starves others.", "CKV_AWS_115")
        payload = _PAYLOAD | {"beside": True} if beside else _PAYLOAD
        if declaration.callback is None:
            return _invoke(self._scope, declaration.name, worker, payload)
        ask = _ask(self._scope, declaration.name, worker, payload, declaration.callback)
        return Asked(ask, _invoke(self._scope, f"{declaration.name}: the answer", worker, payload))


def _invoke(scope: Construct, name: str, worker: Function, payload: dict[str, Any]) -> tasks.LambdaInvoke:
    limit = Duration.seconds(worker.timeout.to_seconds() + _SLACK_SECONDS)
    task = tasks.LambdaInvoke(
        scope,
        name,
        lambda_function=worker.function,
        payload=sfn.TaskInput.from_object(payload),
        output_path="$.Payload",
        retry_on_service_exceptions=False,
        task_timeout=sfn.Timeout.duration(limit),
    )
    _try_until_it_goes_well(task, worker)
    return task


def _ask(
    scope: Construct, name: str, worker: Function, payload: dict[str, Any], expected: Expected
) -> tasks.LambdaInvoke:
    """A task that waits for its token. When its time is over it has failed: nobody is asked once more."""
    task = tasks.LambdaInvoke(
        scope,
        name,
        lambda_function=worker.function,
        payload=sfn.TaskInput.from_object(payload | _OF_THE_TRY),
        integration_pattern=sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        result_path="$.answer",
        retry_on_service_exceptions=False,
        task_timeout=sfn.Timeout.duration(Duration.seconds(expected.seconds)),
    )
    task.add_retry(errors=["States.Timeout", AlreadyAnswered.__name__], max_attempts=0)
    _try_until_it_goes_well(task, worker)
    return task


def _try_until_it_goes_well(task: sfn.TaskStateBase, worker: Function) -> None:
    _try_again(task, TRANSIENT, seconds=2, attempts=6)
    _wait_for_another(task, worker.timeout)
    _try_again(task, ["States.ALL"], seconds=1, attempts=2)


def _try_again(task: sfn.TaskStateBase, errors: list[str], *, seconds: int, attempts: int) -> None:
    task.add_retry(
        errors=errors,
        interval=Duration.seconds(seconds),
        max_attempts=attempts,
        backoff_rate=2,
        jitter_strategy=sfn.JitterType.FULL,
    )


def _wait_for_another(task: sfn.TaskStateBase, timeout: Duration) -> None:
    """A try that was killed holds its event until its time is over; the next one comes then."""
    after = Duration.seconds(timeout.to_seconds() + 1)
    task.add_retry(errors=[StillInProgress.__name__], interval=after, max_attempts=3, backoff_rate=1)


def _pascal(name: str) -> str:
    return "".join(part.title() for part in name.split("_"))
