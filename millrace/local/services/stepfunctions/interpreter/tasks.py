"""Task states: functions, activities and integrations, with their timeouts and tokens.

https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from millrace.local.core.scheduler import ScheduledAction
from millrace.local.services.stepfunctions.interpreter.activities import ActivityTask
from millrace.local.services.stepfunctions.interpreter.definition import TaskState
from millrace.local.services.stepfunctions.interpreter.environment import Call
from millrace.local.services.stepfunctions.interpreter.errors import (
    HEARTBEAT_TIMEOUT,
    TIMEOUT,
    StateError,
    data_limit_exceeded,
)
from millrace.local.services.stepfunctions.interpreter.flow import Steps
from millrace.local.services.stepfunctions.interpreter.history import NOT_TRUNCATED, compact, is_too_large
from millrace.local.services.stepfunctions.interpreter.pending import Pending, first, until
from millrace.local.services.stepfunctions.interpreter.tokens import Waiting
from millrace.local.services.stepfunctions.interpreter.visit import Visit

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.interpreter.branch import Branch


def run_task(visit: Visit) -> Steps:
    """Attempt a task once; return its result."""
    attempt = _Attempt(visit)
    if attempt.token:
        visit.branch.context["Task"] = {"Token": attempt.token}
    try:
        return (yield from attempt.steps())
    finally:
        visit.branch.context.pop("Task", None)


class _Attempt:
    """One attempt of a task."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._state = cast("TaskState", visit.state)
        self._environment = visit.branch.execution.environment
        self._events = _Events.of(visit.branch, self._state)
        has_token = self._state.resource.pattern or self._state.resource.service == "activity"
        self.token = self._environment.uuid() if has_token else ""
        self._callback = Pending()

    def steps(self) -> Steps:
        call = self._call()
        timeout = self._visit.integer(self._state.timeout_seconds)
        heartbeat = self._visit.integer(self._state.heartbeat_seconds)
        self._scheduled(call, timeout, heartbeat)
        try:
            result = yield from self._limited(self._work(call, heartbeat), timeout)
        except StateError as error:
            what = "TimedOut" if error.error == TIMEOUT and error.is_timeout else "Failed"
            self._events.write(what, error=error.error, cause=error.cause)
            raise
        text = compact(result)
        self._check_size(text)
        self._events.write("Succeeded", output=text, outputDetails=NOT_TRUNCATED)
        return result

    def _call(self) -> Call:
        """Return the call, with the role of Credentials."""
        visit, context = self._visit, self._visit.branch.context
        parameters = visit.arguments(self._state.arguments)
        caller = visit.branch.execution.caller
        if self._state.credentials:
            role = visit.evaluate(self._state.credentials, visit.data(visit.effective_input))["RoleArn"]
            caller = replace(caller, role=role)
        attempt = context["State"]["RetryCount"]
        return Call(caller, visit.state.name, self._state.resource, parameters, attempt, token=self.token)

    def _scheduled(self, call: Call, timeout: Any, heartbeat: Any) -> None:
        resource, text = self._state.resource, compact(call.parameters)
        if is_too_large(text):
            raise data_limit_exceeded(self._state.name)
        credentials = {"roleArn": call.caller.role} if self._state.credentials else None
        if resource.is_integration:
            given: dict[str, Any] = {"region": call.caller.machine_arn.split(":")[3], "parameters": text}
        else:
            given = {"resource": resource.arn, "input": text, "inputDetails": NOT_TRUNCATED}
        limits = {"timeoutInSeconds": timeout, "heartbeatInSeconds": heartbeat, "taskCredentials": credentials}
        self._events.write("Scheduled", **given, **limits)

    def _limited(self, work: Steps, timeout: Any) -> Steps:
        if timeout is None:
            return (yield from work)
        driver = self._visit.branch.execution.driver
        error = StateError(TIMEOUT, is_timeout=True)
        due = driver.scheduler.clock.now() + timeout
        limit = until(driver.scheduler, due, f"timeout of {driver.what}", error, flow=False)
        return (yield first([driver.spawn(work), limit]))

    def _work(self, call: Call, heartbeat: Any) -> Steps:
        """Make the call; then wait for its token or its job."""
        resource = self._state.resource
        if resource.service == "activity":
            return (yield from self._with_token(lambda beat: self._activity(call, beat), heartbeat))
        self._events.write("Started")
        if not resource.pattern:
            return (yield self._environment.integrations.call(call))
        return (yield from self._with_token(lambda beat: self._callback_or_job(call, beat), heartbeat))

    def _with_token(self, work: "Callable[[_Heartbeat], Steps]", seconds: Any) -> Steps:
        execution, tokens = self._visit.branch.execution, self._environment.tokens
        heartbeat = _Heartbeat(self._visit, seconds, self._callback)
        tokens.open(self.token, Waiting(execution.identity.machine_arn, self._callback, heartbeat.beat))
        try:
            return (yield from work(heartbeat))
        finally:
            heartbeat.stop()
            tokens.close(self.token)

    def _callback_or_job(self, call: Call, heartbeat: "_Heartbeat") -> Steps:
        """Return the output that arrives with the token, or that of the job."""
        integrations = self._environment.integrations
        heartbeat.beat()
        try:
            response = yield integrations.call(call)
        except StateError:
            if self._callback.done and self._callback.error is None:
                return self._callback.value  # SendTaskSuccess has accepted the output
            raise
        self._events.write("Submitted", output=compact(response), outputDetails=NOT_TRUNCATED)
        if self._state.resource.waits_for_token:
            return (yield self._callback)
        job = integrations.complete(call, response)
        ended = Pending(cancel=job.cancel)
        self._callback.then(ended.follow)  # it ends the task, and leaves the job alone
        job.then(ended.follow)
        return (yield ended)

    def _activity(self, call: Call, heartbeat: "_Heartbeat") -> Steps:
        """Wait for a worker, then for its answer. https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html."""
        arn, taken = call.resource.arn, Pending()
        task = ActivityTask(self.token, compact(call.parameters), taken.succeed)
        self._environment.activities.schedule(arn, task)
        try:
            worker = yield taken
        finally:
            self._environment.activities.withdraw(arn, task)
        self._events.write("Started", workerName=worker)
        heartbeat.beat()
        return (yield self._callback)

    def _check_size(self, text: str) -> None:
        if is_too_large(text):
            resource = self._state.resource
            error = data_limit_exceeded(resource.service if resource.is_integration else resource.arn)
            self._events.write("Failed", error=error.error, cause=error.cause)
            raise error


@dataclass(frozen=True)
class _Events:
    """Writes the events of a task. `resource` is in the details of each event of an integration."""

    branch: "Branch"
    prefix: str
    resource: dict[str, str]

    @classmethod
    def of(cls, branch: "Branch", state: TaskState) -> "_Events":
        resource = state.resource
        if not resource.is_integration:
            return cls(branch, "LambdaFunction" if resource.service == "lambda" else "Activity", {})
        action = f"{resource.action}.{resource.pattern}" if resource.pattern else resource.action
        return cls(branch, "Task", {"resourceType": resource.service, "resource": action})

    def write(self, what: str, **details: Any) -> None:
        name = f"{self.prefix}{what}"
        given = {**self.resource, **details}
        self.branch.write(name, f"{name[0].lower()}{name[1:]}EventDetails" if given else "", **given)


class _Heartbeat:
    """Fails a callback if no heartbeat arrives in time. `seconds` is None without HeartbeatSeconds."""

    def __init__(self, visit: Visit, seconds: Any, callback: Pending) -> None:
        self._driver = visit.branch.execution.driver
        self._seconds = seconds
        self._callback = callback
        self._timer: ScheduledAction | None = None

    def beat(self) -> None:
        """Begin to wait for the next heartbeat."""
        self.stop()
        if self._seconds is not None:
            due = self._driver.scheduler.clock.now() + self._seconds
            what = f"heartbeat of {self._driver.what}"
            self._timer = self._driver.scheduler.at(due, self._missed, what, flow=False)

    def stop(self) -> None:
        if self._timer is not None:
            self._driver.scheduler.cancel(self._timer)

    def _missed(self) -> None:
        self._callback.fail(StateError(TIMEOUT, also=HEARTBEAT_TIMEOUT, is_timeout=True))
