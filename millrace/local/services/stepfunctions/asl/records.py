"""Publishes executions to CloudWatch Logs and the default bus."""

import json
import uuid
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.stepfunctions.parser.asl.eval.event.logging import is_logging_enabled_for
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

from millrace.local.core.clock import iso
from millrace.local.services.eventbridge import EventBridge
from millrace.local.services.stepfunctions.asl.environment import Event
from millrace.local.services.stepfunctions.asl.run import Run

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_DATA = ("input", "inputDetails", "output", "outputDetails", "parameters")
_MOST_EVENT_BYTES = 248 * 1024
_LONGEST_ESCAPE = 12
"""Bytes of one character, as JSON writes it: of an emoji, two escapes."""
_OWN = ("id", "type", "previousEventId", "timestamp")


class Records:
    """Writes logs of executions, and publishes their status changes."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._waiting: deque[tuple[Run, Event, int]] = deque()

    def log(self, run: Run, event: Event) -> None:
        """Log an event of an execution's history, as the machine's logging configuration says. From any thread.

        https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
        """
        if is_logging_enabled_for(run.machine.logging.get("level", "OFF"), event["type"]):
            self._waiting.append((run, event, run.redrives))
            self._region.scheduler.soon(self._write, f"log of {run.held_as}")

    def _write(self) -> None:
        while self._waiting:
            run, event, redrives = self._waiting.popleft()
            group = _log_group(run.machine.logging)
            if group in self._region.backends.logs.groups:
                self._line(group, run, event, redrives)

    def _line(self, group: str, run: Run, event: Event, redrives: int) -> None:
        day = datetime.fromtimestamp(run.started_at, UTC).strftime("%Y-%m-%d-%H")
        stream = f"states/{run.machine.name}/{day}-00/{uuid.uuid5(uuid.NAMESPACE_URL, run.machine.arn).hex[:8]}"
        logs = self._region.backends.logs
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        with_data = bool(run.machine.logging.get("includeExecutionData"))
        record = _record(run, event, redrives, with_data=with_data)
        logs.put_log_events(group, stream, [{"timestamp": int(event["timestamp"] * 1000), "message": record}])

    def status(self, run: Run) -> None:
        """Publish a status change of a standard execution on the default bus. On the scheduler's thread.

        https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
        """
        bus = self._region.backends.events.event_buses.get("default")
        if run.machine.express or bus is None or not bus.rules:
            return  # no rule would match it
        envelope = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Step Functions Execution Status Change",
            "source": "aws.states",
            "account": self._region.account,
            "time": iso(run.stopped_at or run.redriven_at or run.started_at),
            "region": self._region.name,
            "resources": [run.arn],
            "detail": _detail(run),
        }
        self._region.service(EventBridge).buses.publish("default", envelope)


def _log_group(config: dict[str, Any]) -> str:
    for destination in config.get("destinations") or []:
        arn: str = destination.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        if ":log-group:" in arn:
            return arn.split(":log-group:")[1].removesuffix(":*")
    return ""


def _record(run: Run, event: Event, redrives: int, *, with_data: bool) -> str:
    (details,) = [value for key, value in event.items() if key not in _OWN] or [{}]
    shown = {key: value for key, value in (details or {}).items() if with_data or key not in _DATA}
    record = {
        "id": str(event["id"]),
        "type": event["type"],
        "details": shown,
        "redrive_count": str(redrives),
        "previous_event_id": str(event["previousEventId"]),
        "event_timestamp": str(int(event["timestamp"] * 1000)),
        "execution_arn": run.arn,
    }
    return str(to_json_str(record, separators=(",", ":")))


def _detail(run: Run) -> dict[str, Any]:
    reason = run.not_redrivable()
    detail: dict[str, Any] = {
        "executionArn": run.arn,
        "stateMachineArn": run.machine.arn,
        "stateMachineVersionArn": run.machine.version,
        "stateMachineAliasArn": run.machine.alias,
        "name": run.name,
        "status": run.status,
        "startDate": int(run.started_at * 1000),
        "stopDate": int(run.stopped_at * 1000) if run.stopped_at else None,
        "input": run.input,
        "inputDetails": {"included": True},
        "output": run.output,
        "outputDetails": {"included": True} if run.output is not None else None,
        "error": run.error,
        "cause": run.cause,
        "redriveCount": run.redrives,
        "redriveDate": int(run.redriven_at * 1000) if run.redriven_at else None,
        "redriveStatus": "NOT_REDRIVABLE" if reason else "REDRIVABLE",
        "redriveStatusReason": reason,
    }
    return _fitting(detail)


def _fitting(detail: dict[str, Any]) -> dict[str, Any]:
    """An event has room for 248 KB of input and output: the input goes first."""
    if sum(len(detail[key] or "") for key in ("input", "output")) * _LONGEST_ESCAPE <= _MOST_EVENT_BYTES:
        return detail
    for name in ("input", "output"):
        size = sum(len(json.dumps(detail[key] or "")) for key in ("input", "output"))
        if size > _MOST_EVENT_BYTES and detail[name] is not None:
            detail |= {name: None, f"{name}Details": {"included": False}}
    return detail
