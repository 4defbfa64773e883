"""Publishes executions to CloudWatch Logs, the default bus and the event history of the local cloud."""

import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millrace.local.core.clock import iso
from millrace.local.core.history import Reference, reference
from millrace.local.services.eventbridge import EventBridge
from millrace.local.services.stepfunctions.catalog import Selection
from millrace.local.services.stepfunctions.interpreter import Execution, HistoryEvent

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

DATA = frozenset({"input", "inputDetails", "output", "outputDetails", "parameters", "assignedVariables"})
"""The details of an event that includeExecutionData leaves out."""
_MAX_EVENT_BYTES = 248 * 1024
_LONGEST_ESCAPE = 12
"""Bytes of one character in JSON: an emoji has two escapes."""
_MEMBERS = frozenset({"id", "type", "previousEventId", "timestamp"})
_FATAL = frozenset({"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"})
_ERROR_ENDINGS = ("Aborted", "Failed", "TimedOut")
_ERROR = frozenset({"FailStateEntered", "EvaluationFailed"})


class Records:
    """Writes the logs of executions, and publishes their status changes."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region

    def log(self, execution: Execution, selection: Selection, event: HistoryEvent) -> None:
        """Log an event of the history, if the level of the state machine includes it.

        https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
        """
        config = selection.revision.logging
        if not is_logged(config["level"], event["type"]):
            return
        group, logs = _log_group(config), self._region.backends.logs
        if group not in logs.groups:
            return
        stream = _stream(execution, selection)
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        message = _log_record(execution, event, with_data=config["includeExecutionData"])
        logs.put_log_events(group, stream, [{"timestamp": int(event["timestamp"] * 1000), "message": message}])

    def status(self, execution: Execution, selection: Selection) -> None:
        """Publish a status change of a standard execution, and add it to the event history.

        https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
        """
        self._add_to_history(execution, selection)
        bus = self._region.backends.events.event_buses.get("default")
        if execution.identity.express or bus is None or not bus.rules:
            return  # no rule would match the event
        envelope = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Step Functions Execution Status Change",
            "source": "aws.states",
            "account": self._region.account,
            "time": iso(execution.stopped_at or execution.redriven_at or execution.started_at),
            "region": self._region.name,
            "resources": [execution.identity.arn],
            "detail": _detail(execution, selection),
        }
        self._region.service(EventBridge).buses.publish("default", envelope)

    def _add_to_history(self, execution: Execution, selection: Selection) -> None:
        event = None if execution.identity.map_run_arn else _started_by(execution)
        if event is None:
            return
        name = display_name(selection.revision.definition, selection.machine.name)
        more: dict[str, Any] = {"error": f"{execution.error}: {execution.cause}"} if execution.error else {}
        status = execution.status
        self._region.history.add("execution", event, name, execution=execution.identity.arn, status=status, **more)


def is_logged(level: str, event_type: str) -> bool:
    """https://docs.aws.amazon.com/step-functions/latest/dg/cloudwatch-log-level.html."""
    return {
        "ALL": True,
        "ERROR": event_type.endswith(_ERROR_ENDINGS) or event_type in _ERROR,
        "FATAL": event_type in _FATAL,
        "OFF": False,
    }[level]


def display_name(definition: str, name: str) -> str:
    """Return the name of a state machine for output: the comment of its definition, or its own name."""
    return str(json.loads(definition).get("Comment") or name)


def _stream(execution: Execution, selection: Selection) -> str:
    day = datetime.fromtimestamp(execution.started_at, UTC).strftime("%Y-%m-%d-%H")
    machine = selection.machine
    return f"states/{machine.name}/{day}-00/{uuid.uuid5(uuid.NAMESPACE_URL, machine.arn).hex[:8]}"


def _log_group(config: dict[str, Any]) -> str:
    for destination in config.get("destinations") or []:
        arn: str = destination.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        if ":log-group:" in arn:
            return arn.split(":log-group:")[1].removesuffix(":*")
    return ""


def _log_record(execution: Execution, event: HistoryEvent, *, with_data: bool) -> str:
    details: dict[str, Any] = next((value for key, value in event.items() if key not in _MEMBERS), {})
    record = {
        "id": str(event["id"]),
        "type": event["type"],
        "details": {key: value for key, value in details.items() if with_data or key not in DATA},
        "redrive_count": str(execution.redrives),
        "previous_event_id": str(event["previousEventId"]),
        "event_timestamp": str(int(event["timestamp"] * 1000)),
        "execution_arn": execution.identity.arn,
    }
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def _detail(execution: Execution, selection: Selection) -> dict[str, Any]:
    reason, identity = execution.not_redrivable(), execution.identity
    detail: dict[str, Any] = {
        "executionArn": identity.arn,
        "stateMachineArn": identity.machine_arn,
        **selection.qualifiers,
        "name": identity.name,
        "status": execution.status,
        "startDate": int(execution.started_at * 1000),
        "stopDate": int(execution.stopped_at * 1000) if execution.stopped_at else None,
        "input": execution.input,
        "inputDetails": {"included": True},
        "output": execution.output,
        "outputDetails": {"included": True} if execution.output is not None else None,
        "error": execution.error,
        "cause": execution.cause,
        "redriveCount": execution.redrives,
        "redriveDate": int(execution.redriven_at * 1000) if execution.redriven_at else None,
        "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
        "redriveStatusReason": reason,
    }
    return _fitting(detail)


def _fitting(detail: dict[str, Any]) -> dict[str, Any]:
    """Return a detail with at most 248 KB of input and output: the input is left out first."""
    if sum(len(detail[key] or "") for key in ("input", "output")) * _LONGEST_ESCAPE <= _MAX_EVENT_BYTES:
        return detail
    for name in ("input", "output"):
        size = sum(len(json.dumps(detail[key] or "")) for key in ("input", "output"))
        if size > _MAX_EVENT_BYTES and detail[name] is not None:
            detail |= {name: None, f"{name}Details": {"included": False}}
    return detail


def _started_by(execution: Execution) -> Reference | None:
    """Return the event that started an execution: its input, or the first event of its flow."""
    content = json.loads(execution.input)
    if isinstance(content, dict) and content.get("events"):
        return reference(content["events"][0])
    return reference(content)
