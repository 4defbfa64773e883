"""Operations on executions and their Map Runs.

https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html
"""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.catalog import Catalog
from millrace.local.services.stepfunctions.executions import Executions
from millrace.local.services.stepfunctions.interpreter import Execution, HistoryEvent, MapRun
from millrace.local.services.stepfunctions.records import DATA
from millrace.local.services.stepfunctions.requests import Params, Result, check_arn, given, page

_WRONG_TYPE = "This operation is not supported by this type of state machine"
_EITHER = "Must provide a StateMachine ARN or MapRun ARN"


class ExecutionOperations:
    """`answers` are the operations by name."""

    def __init__(self, catalog: Catalog, executions: Executions) -> None:
        self._catalog = catalog
        self._executions = executions
        self.answers: dict[str, Callable[[Params], Result | Awaitable[Result]]] = {
            "StartExecution": self.start,
            "StartSyncExecution": self._start_sync,
            "StopExecution": self._stop,
            "RedriveExecution": self._redrive,
            "DescribeExecution": self.describe,
            "DescribeStateMachineForExecution": self._describe_machine,
            "ListExecutions": self._list,
            "GetExecutionHistory": self._history,
            "ListMapRuns": self._list_map_runs,
            "DescribeMapRun": self._describe_map_run,
            "UpdateMapRun": self._update_map_run,
        }

    def start(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html."""
        execution = self._start(params)
        return {"executionArn": execution.identity.arn, "startDate": execution.started_at}

    def _start(self, params: Params) -> Execution:
        return self._executions.start(params["stateMachineArn"], params.get("input", "{}"), params.get("name"))

    async def _start_sync(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html."""
        check_arn(params["stateMachineArn"], "stateMachine")
        if not self._catalog.select(params["stateMachineArn"]).machine.express:
            raise ApiError("StateMachineTypeNotSupported", _WRONG_TYPE)
        execution = self._start(params)
        await self._end(execution)
        billed = math.ceil(((execution.stopped_at or 0) - execution.started_at) * 10) * 100
        status = execution.status if execution.status in {"SUCCEEDED", "TIMED_OUT"} else "FAILED"
        return {
            **_summary(execution),
            **_data(execution, params),
            "status": status,
            "billingDetails": {"billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": billed},
        }

    async def _stop(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html."""
        execution = self._find(params)
        execution.stop(params.get("error"), params.get("cause"))
        await self._end(execution)
        return {"stopDate": execution.stopped_at}

    async def _end(self, execution: Execution) -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        execution.when_ended(lambda _execution: ended.set_result(None))
        await ended

    def _redrive(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html."""
        return {"redriveDate": self._executions.redrive(params["executionArn"], params.get("clientToken"))}

    def _find(self, params: Params) -> Execution:
        return self._executions.find(params["executionArn"])

    def describe(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html."""
        execution = self._find(params)
        reason, child = execution.not_redrivable(), execution.identity.map_run_arn is not None
        described = {
            **_summary(execution),
            **self._executions.selection(execution).qualifiers,
            **_data(execution, params),
            "redriveCount": execution.redrives,
            "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE_BY_MAP_RUN" if child else "REDRIVABLE",
            "redriveStatusReason": reason,
        }
        return given(described)

    def _describe_machine(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html."""
        execution = self._find(params)
        selection = self._executions.selection(execution)
        revision = selection.revision
        described = {
            "stateMachineArn": selection.machine.arn,
            "name": selection.machine.name,
            "definition": None if params.get("includedData") == "METADATA_ONLY" else revision.definition,
            "roleArn": revision.role,
            "updateDate": execution.started_at,
            "loggingConfiguration": revision.logging,
            "tracingConfiguration": revision.tracing,
            "encryptionConfiguration": revision.encryption,
            "revisionId": revision.id,
            "mapRunArn": execution.identity.map_run_arn,
        }
        return given(described)

    def _list(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html."""
        status, redriven = params.get("statusFilter"), params.get("redriveFilter")
        found = [each for each in self._listed(params) if status in (None, each.status)]
        if redriven:
            found = [each for each in found if bool(each.redrives) == (redriven == "REDRIVEN")]
        entries, token = page(found[::-1], params, lambda each: each.identity.arn)
        return {"executions": [self._list_item(each) for each in entries], **token}

    def _listed(self, params: Params) -> list[Execution]:
        if ("stateMachineArn" in params) == ("mapRunArn" in params):
            raise ApiError("ValidationException", f"1 validation error detected: {_EITHER}")
        if "mapRunArn" in params:
            return self._map_run(params).executions
        if "redriveFilter" in params:
            raise ApiError("ValidationException", "redriveFilter is only for the child executions of a Map Run.")
        check_arn(params["stateMachineArn"], "stateMachine")
        selection = self._catalog.select(params["stateMachineArn"])
        if selection.machine.express:
            raise ApiError("StateMachineTypeNotSupported", _WRONG_TYPE)
        arn, found = params["stateMachineArn"], self._executions.of_machine(selection.machine.arn)
        if arn == selection.machine.arn:
            return found
        return [each for each in found if arn in self._executions.selection(each).qualifiers.values()]

    def _list_item(self, execution: Execution) -> Result:
        redrives = {"redriveCount": execution.redrives}
        return {**_summary(execution), **given(self._executions.selection(execution).qualifiers), **redrives}

    def _history(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html."""
        events = self._find(params).history.events
        entries, token = page(
            events[::-1] if params.get("reverseOrder") else events, params, lambda event: f"event {event['id']}"
        )
        with_data = params.get("includeExecutionData") is not False
        return {"events": entries if with_data else [_without_data(event) for event in entries], **token}

    def _list_map_runs(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListMapRuns.html."""
        runs, token = page(self._find(params).map_runs[::-1], params, lambda run: run.arn)
        listed = [
            {
                "executionArn": run.execution_arn,
                "mapRunArn": run.arn,
                "stateMachineArn": run.state_machine_arn,
                "startDate": run.started_at,
                "stopDate": run.stopped_at,
            }
            for run in runs
        ]
        return {"mapRuns": [given(run) for run in listed], **token}

    def _describe_map_run(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html."""
        run = self._map_run(params)
        described = {
            "mapRunArn": run.arn,
            "executionArn": run.execution_arn,
            "status": run.status,
            "startDate": run.started_at,
            "stopDate": run.stopped_at,
            "maxConcurrency": run.max_concurrency,
            "toleratedFailurePercentage": run.tolerated_failure_percentage or 0.0,
            "toleratedFailureCount": run.tolerated_failure_count or 0,
            "itemCounts": run.item_counts(),
            "executionCounts": run.execution_counts(),
            "redriveCount": run.redrives,
            "redriveDate": run.redriven_at,
        }
        return given(described)

    def _update_map_run(self, params: Params) -> Result:
        """https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateMapRun.html."""
        run = self._map_run(params)
        if run.status != "RUNNING":
            raise ApiError("ValidationException", f"Map Run is not running: '{run.arn}'")
        run.max_concurrency = params.get("maxConcurrency", run.max_concurrency)
        run.tolerated_failure_count = params.get("toleratedFailureCount", run.tolerated_failure_count)
        run.tolerated_failure_percentage = params.get("toleratedFailurePercentage", run.tolerated_failure_percentage)
        return {}

    def _map_run(self, params: Params) -> MapRun:
        arn = params["mapRunArn"]
        check_arn(arn, "mapRun")
        runs = (run for execution in self._executions.all() for run in execution.map_runs)
        found = next((run for run in runs if run.arn == arn), None)
        if found is None:
            raise ApiError("ResourceNotFound", f"Resource not found: '{arn}'")
        return found


def _without_data(event: HistoryEvent) -> HistoryEvent:
    """Return an event without the input and output in its details."""
    return {
        name: {key: each for key, each in value.items() if key not in DATA} if isinstance(value, dict) else value
        for name, value in event.items()
    }


def _summary(execution: Execution) -> dict[str, Any]:
    identity = execution.identity
    summary = {
        "executionArn": identity.arn,
        "stateMachineArn": identity.machine_arn,
        "name": identity.name,
        "status": execution.status,
        "startDate": execution.started_at,
        "stopDate": execution.stopped_at,
        "mapRunArn": identity.map_run_arn,
        "redriveDate": execution.redriven_at,
    }
    return given(summary)


def _data(execution: Execution, params: Params) -> dict[str, Any]:
    """Return the members of a description that `includedData` METADATA_ONLY leaves out."""
    included = params.get("includedData") != "METADATA_ONLY"
    has_output = execution.output is not None
    data = {
        "input": execution.input if included else None,
        "inputDetails": {"included": included},
        "output": execution.output if included else None,
        "outputDetails": {"included": included} if has_output else None,
        "error": execution.error if included else None,
        "cause": execution.cause if included else None,
    }
    return given(data)
