"""states:startExecution, and the patterns that wait for the execution.

https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
"""

import json
import uuid
from typing import TYPE_CHECKING, Any, Protocol, cast

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.interpreter.environment import Call
from millrace.local.services.stepfunctions.interpreter.errors import TASK_FAILED, StateError
from millrace.local.services.stepfunctions.interpreter.history import compact
from millrace.local.services.stepfunctions.interpreter.integrations.failures import of_api_error
from millrace.local.services.stepfunctions.interpreter.integrations.functions import authorize
from millrace.local.services.stepfunctions.interpreter.integrations.metadata import metadata
from millrace.local.services.stepfunctions.interpreter.pending import Pending, failed, succeeded

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.services.stepfunctions.interpreter.execution import Execution


class _Service(Protocol):
    """What is used of the service, which imports the interpreter."""

    executions: Any

    def call(self, operation: str, params: dict[str, Any]) -> Any: ...


class Executions:
    """Starts executions, and waits for their end."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region

    @property
    def _service(self) -> _Service:
        return cast("_Service", self._region.service_named("states"))

    def start(self, call: Call) -> Pending:
        """Start an execution."""
        params = {name[:1].lower() + name[1:]: value for name, value in call.parameters.items()}
        given = params.get("input", {})
        params["input"] = given if isinstance(given, str) else compact(given)
        try:
            authorize(self._region, call, "states", "StartExecution", params)
            started = self._service.call("StartExecution", params)
        except ApiError as error:
            return failed(of_api_error("states", error))
        answer = {"ExecutionArn": started["executionArn"], "StartDate": int(started["startDate"] * 1000)}
        found = metadata("states", started, str(uuid.uuid4()), self._region.clock.now())
        return succeeded({**answer, **found})

    def complete(self, call: Call, response: dict[str, Any]) -> Pending:
        """Wait for the end of an execution. To cancel the result stops it."""
        execution: Execution = self._service.executions.find(response["ExecutionArn"])
        result = Pending(cancel=lambda: execution.stop(TASK_FAILED, "The execution that started it has ended."))
        execution.when_ended(lambda _: self._ended(call, execution, result))
        return result

    def _ended(self, call: Call, execution: "Execution", result: Pending) -> None:
        described = self._service.call("DescribeExecution", {"executionArn": execution.identity.arn})
        output = _output(described, as_json=call.resource.pattern == "sync:2")
        if execution.status == "SUCCEEDED":
            result.succeed(output)
        result.fail(StateError(TASK_FAILED, compact(output)))


def _output(described: dict[str, Any], *, as_json: bool) -> dict[str, Any]:
    """Return the output of a task. `.sync:2` returns input and output as JSON, not as texts."""
    shaped = {name[0].upper() + name[1:]: value for name, value in described.items()}
    for name in ("StartDate", "StopDate", "RedriveDate"):
        if name in shaped:
            shaped[name] = int(shaped[name] * 1000)
    for name in ("InputDetails", "OutputDetails"):
        if name in shaped:
            shaped[name] = {"Included": True}
    for name in ("Input", "Output") if as_json else ():
        if name in shaped:
            shaped[name] = json.loads(shaped[name])
    return shaped
