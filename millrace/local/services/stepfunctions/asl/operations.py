"""The operations of the Step Functions API that concern executions, answered by the plane."""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.asl.definitions import InvalidDefinition, check_express, parsed
from millrace.local.services.stepfunctions.asl.run import Run
from millrace.local.services.stepfunctions.validation import check_name

if TYPE_CHECKING:
    from millrace.local.services.stepfunctions.state_machines import StepFunctions

Asked = dict[str, Any]
Told = dict[str, Any]

_PAGE = 100
_MOST_BYTES = 262_144
_WRONG_TYPE = "This operation is not supported by this type of state machine"
_DATA = {"input", "output", "inputDetails", "outputDetails"}
_REFUSED = {
    "TestState": "The local cloud does not test a single state: start an execution.",
    "UpdateMapRun": "The local cloud does not change a Map Run that is under way.",
    "CreateActivity": "The local cloud runs no activities: use a function, or .waitForTaskToken.",
    "GetActivityTask": "The local cloud runs no activities: use a function, or .waitForTaskToken.",
}


class MachineOperations:
    """What the plane answers, by the names of AWS's JSON protocol."""

    def __init__(self, machines: "StepFunctions") -> None:
        self._machines = machines
        answers: dict[str, Callable[[Asked], Told | Awaitable[Told]]] = {
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
            **{name: _refuse(reason) for name, reason in _REFUSED.items()},
        }
        self.answers = answers
        self.check_definition = _check_definition

    def _start(self, asked: Asked) -> Told:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html."""
        run = self._begin(asked)
        return {"executionArn": run.arn, "startDate": run.started_at}

    def _begin(self, asked: Asked) -> Run:
        text, name = asked.get("input", "{}"), asked.get("name")
        _check_input(text)
        if name is not None:
            check_name(name)
        return self._machines.begin(asked["stateMachineArn"], text, name)

    async def _start_sync(self, asked: Asked) -> Told:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html."""
        if not self._machines.machine(asked["stateMachineArn"]).express:
            raise ApiError("StateMachineTypeNotSupported", _WRONG_TYPE)
        run = self._begin(asked)
        await self._end_of(run)
        billed = math.ceil(((run.stopped_at or 0) - run.started_at) * 10) * 100
        billing = {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": billed}
        told = self._described(run)
        for name in ("redriveCount", "redriveStatus", "redriveStatusReason"):
            told.pop(name, None)
        status = run.status if run.status in {"SUCCEEDED", "TIMED_OUT"} else "FAILED"
        return {**told, "status": status, "billingDetails": billing}

    async def _stop(self, asked: Asked) -> Told:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html."""
        run = self._find(asked)
        run.stop(asked.get("error"), asked.get("cause"))
        await self._end_of(run)
        return {"stopDate": run.stopped_at}

    def _redrive(self, asked: Asked) -> Told:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html."""
        if asked["executionArn"].split(":")[5:6] == ["express"]:
            raise ApiError("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
        run = self._find(asked)
        return {"redriveDate": self._machines.redrive(run, asked.get("clientToken"))}

    async def _end_of(self, run: Run) -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        scheduler = self._machines.region.scheduler
        run.when_ended(lambda _run: void(scheduler.soon(lambda: ended.set_result(None), f"answer of {run.held_as}")))
        await ended

    def _find(self, asked: Asked) -> Run:
        try:
            return self._machines.execution(asked["executionArn"])
        except LookupError as error:
            arn = asked["executionArn"]
            raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'") from error

    def describe(self, asked: Asked) -> Told:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html."""
        return self._described(self._find(asked))

    def _described(self, run: Run) -> Told:
        reason = run.not_redrivable()
        told = {
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
        return {key: value for key, value in told.items() if value is not None}

    def _describe_machine(self, asked: Asked) -> Told:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html."""
        run = self._find(asked)
        machine = run.machine
        return {
            "stateMachineArn": machine.arn,
            "name": machine.name,
            "definition": machine.definition,
            "roleArn": machine.role,
            "updateDate": run.started_at,
            "loggingConfiguration": machine.logging,
        }

    def _list(self, asked: Asked) -> Told:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html."""
        if "stateMachineArn" not in asked:
            raise ApiError("ValidationException", "The local cloud does not list the child executions of a Map Run.")
        if "redriveFilter" in asked:
            raise ApiError("ValidationException", "redriveFilter is for the child executions of a Map Run alone.")
        if self._machines.machine(asked["stateMachineArn"]).express:
            raise ApiError("StateMachineTypeNotSupported", _WRONG_TYPE)
        wanted = asked.get("statusFilter")
        runs = [run for run in self._machines.runs_of(asked["stateMachineArn"]) if wanted in (None, run.status)]
        page, token = _paged([_summary(run) for run in reversed(runs)], asked)
        return {"executions": page, **token}

    def _history(self, asked: Asked) -> Told:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html."""
        events = self._find(asked).env.event_manager.get_event_history()
        if asked.get("reverseOrder"):
            events.reverse()
        if asked.get("includeExecutionData") is False:
            events = [_without_data(event) for event in events]
        page, token = _paged(events, asked)
        return {"events": json.loads(to_json_str(page)), **token}

    def _list_map_runs(self, asked: Asked) -> Told:
        records = self._find(asked).env.map_run_record_pool_manager.get_all()
        page, token = _paged([record.list_item() for record in records], asked)
        return {"mapRuns": page, **token}

    def _describe_map_run(self, asked: Asked) -> Told:
        for run in self._machines.all_runs():
            record = run.env.map_run_record_pool_manager.get(asked["mapRunArn"])
            if record is not None:
                return {**json.loads(to_json_str(record.describe())), "redriveCount": 0}
        raise ApiError("ResourceNotFound", f"Resource not found: '{asked['mapRunArn']}'")


def void(_item: Any) -> None:
    """Nothing."""


def _refuse(reason: str) -> Callable[[Asked], Told]:
    def refuse(_asked: Asked) -> Told:
        raise ApiError("ValidationException", reason)

    return refuse


def _check_definition(definition: str, *, express: bool) -> None:
    try:
        parsed(definition)
        if express:
            check_express(definition)
    except InvalidDefinition as error:
        raise ApiError("InvalidDefinition", f"Invalid State Machine Definition: '{error}'") from error


def _validate(asked: Asked) -> Told:
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html."""
    try:
        _check_definition(asked["definition"], express=asked.get("type") == "EXPRESS")
    except ApiError as refused:
        told = {"severity": "ERROR", "code": "SCHEMA_VALIDATION_FAILED", "message": refused.message}
        return {"result": "FAIL", "diagnostics": [told], "truncated": False}
    return {"result": "OK", "diagnostics": [], "truncated": False}


def _check_input(text: str) -> None:
    try:
        json.loads(text)
    except ValueError as error:
        reason = f"Invalid State Machine Execution Input: '{error}'"
        raise ApiError("InvalidExecutionInput", reason) from error
    if len(text.encode()) > _MOST_BYTES:
        limit = f"Member must have length less than or equal to {_MOST_BYTES}"
        raise ApiError("ValidationException", f"1 validation error detected: Value at 'input' failed: {limit}")


def _summary(run: Run) -> Told:
    told = {
        "executionArn": run.arn,
        "stateMachineArn": run.machine.arn,
        "name": run.name,
        "status": run.status,
        "startDate": run.started_at,
        "stopDate": run.stopped_at,
        "redriveCount": run.redrives,
        "redriveDate": run.redriven_at,
    }
    return {key: value for key, value in told.items() if value is not None}


def _without_data(event: Told) -> Told:
    return {
        name: {key: each for key, each in value.items() if key not in _DATA} if isinstance(value, dict) else value
        for name, value in event.items()
    }


def _paged(found: Sequence[Any], asked: Asked) -> tuple[Sequence[Any], dict[str, str]]:
    begin, most = int(asked.get("nextToken") or 0), asked.get("maxResults") or _PAGE
    end = begin + most
    return found[begin:end], {"nextToken": str(end)} if end < len(found) else {}
