"""Operations of the Step Functions API on executions."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.asl.definitions import InvalidDefinitionError, check_express, parsed
from millrace.local.services.stepfunctions.asl.run import Run
from millrace.local.services.stepfunctions.validation import check_name

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.state_machines import StepFunctions

Params = dict[str, Any]
Result = dict[str, Any]

_PAGE_SIZE = 100
_MAX_INPUT_BYTES = 262_144
_WRONG_TYPE = "This operation is not supported by this type of state machine"
_DATA = {"input", "output", "inputDetails", "outputDetails"}
_UNSUPPORTED = {
    "TestState": "The local cloud does not support TestState. Start an execution.",
    "UpdateMapRun": "The local cloud does not support UpdateMapRun.",
    "CreateActivity": "The local cloud does not support activities. Use a function or .waitForTaskToken.",
    "GetActivityTask": "The local cloud does not support activities. Use a function or .waitForTaskToken.",
}


class MachineOperations:
    """The operations by name."""

    def __init__(self, machines: "StepFunctions") -> None:
        self._machines = machines
        answers: dict[str, Callable[[Params], Result | Awaitable[Result]]] = {
            "StartExecution": self._start,
            "StartSyncExecution": self._start_sync,
            "StopExecution": self._stop,
            "RedriveExecution": self._redrive,
            "DescribeExecution": self.describe,
            "DescribeStateMachineForExecution": self._describe_machine,
            "ListExecutions": self._list,
            "GetExecutionHistory": self._history,
            "SendTaskSuccess": machines.tokens.succeed,
            "SendTaskFailure": machines.tokens.fail,
            "SendTaskHeartbeat": machines.tokens.beat,
            "ListMapRuns": self._list_map_runs,
            "DescribeMapRun": self._describe_map_run,
            "ValidateStateMachineDefinition": _validate,
            **{name: _unsupported(reason) for name, reason in _UNSUPPORTED.items()},
        }
        self.answers = answers
        self.check_definition = _check_definition

    def _start(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html."""
        run = self._start_execution(params)
        return {"executionArn": run.arn, "startDate": run.started_at}

    def _start_execution(self, params: Params) -> Run:
        text, name = params.get("input", "{}"), params.get("name")
        _check_input(text)
        if name is not None:
            check_name(name)
        return self._machines.start_execution(params["stateMachineArn"], text, name)

    async def _start_sync(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html."""
        if not self._machines.machine(params["stateMachineArn"]).express:
            raise ApiError("StateMachineTypeNotSupported", _WRONG_TYPE)
        run = self._start_execution(params)
        await self._wait_for_end(run)
        billed = math.ceil(((run.stopped_at or 0) - run.started_at) * 10) * 100
        billing = {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": billed}
        result = self._description(run)
        for name in ("redriveCount", "redriveStatus", "redriveStatusReason"):
            result.pop(name, None)
        status = run.status if run.status in {"SUCCEEDED", "TIMED_OUT"} else "FAILED"
        return {**result, "status": status, "billingDetails": billing}

    async def _stop(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html."""
        run = self._find(params)
        run.stop(params.get("error"), params.get("cause"))
        await self._wait_for_end(run)
        return {"stopDate": run.stopped_at}

    def _redrive(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html."""
        if params["executionArn"].split(":")[5:6] == ["express"]:
            raise ApiError("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
        run = self._find(params)
        return {"redriveDate": self._machines.redrive(run, params.get("clientToken"))}

    async def _wait_for_end(self, run: Run) -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        scheduler = self._machines.region.scheduler
        run.when_ended(lambda _run: void(scheduler.soon(lambda: ended.set_result(None), f"answer of {run.held_as}")))
        await ended

    def _find(self, params: Params) -> Run:
        try:
            return self._machines.execution(params["executionArn"])
        except LookupError as error:
            arn = params["executionArn"]
            raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'") from error

    def describe(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html."""
        return self._description(self._find(params))

    def _description(self, run: Run) -> Result:
        reason = run.not_redrivable()
        result = {
            **_summary(run),
            "stateMachineVersionArn": run.machine.version,
            "stateMachineAliasArn": run.machine.alias,
            "input": run.input,
            "inputDetails": {"included": True},
            "output": run.output,
            "outputDetails": {"included": True} if run.output is not None else None,
            "error": run.error,
            "cause": run.cause,
            "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
            "redriveStatusReason": reason,
        }
        return {key: value for key, value in result.items() if value is not None}

    def _describe_machine(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html."""
        run = self._find(params)
        machine = run.machine
        return {
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "definition": machine.definition,
            "roleArn": machine.role,
            "updateDate": run.started_at,
            "loggingConfiguration": machine.logging,
        }

    def _list(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html."""
        if "stateMachineArn" not in params:
            raise ApiError(
                "ValidationException", "The local cloud does not list child executions. Pass stateMachineArn."
            )
        if "redriveFilter" in params:
            raise ApiError("ValidationException", "redriveFilter is only for the child executions of a Map Run.")
        if self._machines.machine(params["stateMachineArn"]).express:
            raise ApiError("StateMachineTypeNotSupported", _WRONG_TYPE)
        status = params.get("statusFilter")
        runs = [run for run in self._machines.executions_of(params["stateMachineArn"]) if status in (None, run.status)]
        page, token = _page([_summary(run) for run in reversed(runs)], params)
        return {"executions": page, **token}

    def _history(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html."""
        events = self._find(params).env.event_manager.get_event_history()
        if params.get("reverseOrder"):
            events.reverse()
        if params.get("includeExecutionData") is False:
            events = [_without_data(event) for event in events]
        page, token = _page(events, params)
        return {"events": json.loads(to_json_str(page)), **token}

    def _list_map_runs(self, params: Params) -> Result:
        records = self._find(params).env.map_run_record_pool_manager.get_all()
        page, token = _page([record.list_item() for record in records], params)
        return {"mapRuns": page, **token}

    def _describe_map_run(self, params: Params) -> Result:
        for run in self._machines.all_executions():
            record = run.env.map_run_record_pool_manager.get(params["mapRunArn"])
            if record is not None:
                return {**json.loads(to_json_str(record.describe())), "redriveCount": 0}
        raise ApiError("ResourceNotFound", f"Resource not found: '{params['mapRunArn']}'")


def void(_item: Any) -> None:
    """Discard a result."""


def _unsupported(reason: str) -> Callable[[Params], Result]:
    def fail(_params: Params) -> Result:
        raise ApiError("ValidationException", reason)

    return fail


def _check_definition(definition: str, *, express: bool) -> None:
    try:
        parsed(definition)
        if express:
            check_express(definition)
    except InvalidDefinitionError as error:
        raise ApiError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from error


def _validate(params: Params) -> Result:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html."""
    try:
        _check_definition(params["definition"], express=params.get("type") == "EXPRESS")
    except ApiError as error:
        diagnostic = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": error.message}
        return {"result": "FAIL", "diagnostics": [diagnostic], "truncated": False}
    return {"result": "OK", "diagnostics": [], "truncated": False}


def _check_input(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        reason = f"Invalid State Machine Execution Input: '{error}'"
        raise ApiError("InvalidExecutionInput", reason) from error
    if len(text.encode()) > _MAX_INPUT_BYTES:
        limit = f"Member must have length less than or equal to {_MAX_INPUT_BYTES}"
        raise ApiError("ValidationException", f"1 validation error detected: Value at 'input' failed: {limit}")


def _summary(run: Run) -> Result:
    summary = {
        "executionArn": run.arn,
        "stateMachineArn": run.machine.arn,
        "name": run.name,
        "status": run.status,
        "startDate": run.started_at,
        "stopDate": run.stopped_at,
        "redriveCount": run.redrives,
        "redriveDate": run.redriven_at,
    }
    return {key: value for key, value in summary.items() if value is not None}


def _without_data(event: Result) -> Result:
    return {
        name: {key: each for key, each in value.items() if key not in _DATA} if isinstance(value, dict) else value
        for name, value in event.items()
    }


def _page(found: Sequence[Any], params: Params) -> tuple[Sequence[Any], dict[str, str]]:
    start, size = int(params.get("nextToken") or 0), params.get("maxResults") or _PAGE_SIZE
    end = start + size
    return found[start:end], {"nextToken": str(end)} if end < len(found) else {}
