"""EventBridge Scheduler: schedules that invoke their targets.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/what-is-scheduler.html
"""

import json
import random
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.clock import iso
from millrace.local.core.delivery import Delivery, Done, Failure, FinalFailure
from millrace.local.core.errors import ApiError, UnsupportedPolicyError
from millrace.local.core.schedule_expressions import Rate, Schedule, ScheduleExpressionError, schedule
from millrace.local.core.scheduler import ScheduledAction
from millrace.local.core.service import Service
from millrace.local.core.targets import attempt, send, send_record
from millrace.local.services.eventbridge import EventBridge, new_envelope, retry_policy
from millrace.local.services.iam import Iam, Permission, unauthorized
from millrace.local.services.sqs import Sqs

_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_ACTIONS = {
    "events": "events:PutEvents",
    "kinesis": "kinesis:PutRecord",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}
"""The permission that the schedule's role needs, by target service. Other services are not supported."""
_REDRIVE = "arn:aws:scheduler:::aws-sdk:sqs:startMessageMoveTask"
"""The only supported universal target. https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html"""


@dataclass(frozen=True)
class _Once:
    """A one-time schedule."""

    time: float

    def after(self, moment: float, began: float) -> float | None:  # noqa: ARG002 - implements Schedule
        """Return the time of the run, if it is after a moment."""
        return self.time if self.time > moment else None


@dataclass
class _Running:
    """The properties of a schedule, its start time, and its next run."""

    properties: str
    times: Schedule
    began: float
    item: ScheduledAction | None = None


class EventBridgeScheduler(Service):
    """Runs the schedules that moto stores. No flow waits for a run."""

    arn_name = "scheduler"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.checks = {f"scheduler {method}": self.check for method in ("POST", "PUT")}
        self._running: dict[str, _Running] = {}
        self._random = random.Random(0)  # noqa: S311 - chooses a time in a window, no secret

    def check(self, params: dict[str, Any]) -> None:
        """Reject an invalid expression or time zone and an unsupported target. Raises ApiError."""
        if "ScheduleExpression" not in params:
            return
        try:
            _times(params["ScheduleExpression"], params.get("ScheduleExpressionTimezone"))
        except ScheduleExpressionError as error:
            message = f"Invalid Schedule Expression {params['ScheduleExpression']}."
            raise ApiError("ValidationException", message) from error
        group = params.get("GroupName") or "default"
        if group not in self.region.backends.scheduler.schedule_groups:
            raise ApiError("ResourceNotFoundException", f"Schedule group {group} does not exist.", 404)
        arn = params.get("Target", {}).get("Arn", "")
        service = arn.split(":")[2] if arn.startswith("arn:") else arn
        if service not in _ACTIONS and arn != _REDRIVE:
            supported = ", ".join((*sorted(_ACTIONS), _REDRIVE))
            raise ApiError("ValidationException", f"The local cloud's schedules support {supported}, not {arn}.")

    def changed(self) -> None:
        """Start new or changed schedules and end removed ones; unchanged schedules continue."""
        groups = list(self.region.backends.scheduler.schedule_groups.values())
        stored = {each.arn: each for group in groups for each in group.schedules.values()}
        wanted = {arn: _properties(each) for arn, each in stored.items() if each.state != "DISABLED"}
        for arn in [arn for arn, running in self._running.items() if wanted.get(arn) != running.properties]:
            self._end(arn)
        for arn, properties in wanted.items():
            if arn not in self._running:
                self._begin(stored[arn], properties)

    def reset(self) -> None:
        """End every schedule."""
        for arn in list(self._running):
            self._end(arn)

    def _begin(self, schedule: Any, properties: str) -> None:
        times = _times(schedule.schedule_expression, schedule.schedule_expression_timezone)
        began = max(self.region.clock.now(), float(schedule.start_date or 0))
        self._running[schedule.arn] = _Running(properties, times, began)
        if isinstance(times, Rate):  # starts with a run
            self._schedule_at(schedule, began)
        else:
            self._schedule_next(schedule, began)

    def _end(self, arn: str) -> None:
        item = self._running.pop(arn).item
        if item:
            self.region.scheduler.cancel(item)

    def _schedule_next(self, schedule: Any, after: float) -> None:
        running = self._running[schedule.arn]
        due = running.times.after(after, running.began)
        if due is not None and due <= float(schedule.end_date or "inf"):
            self._schedule_at(schedule, due)
        elif schedule.action_after_completion == "DELETE":
            self._end(schedule.arn)
            self.region.backends.scheduler.delete_schedule(schedule.group_name, schedule.name)

    def _schedule_at(self, schedule: Any, due: float) -> None:
        window = schedule.flexible_time_window
        late = self._random.uniform(0, 60 * window["MaximumWindowInMinutes"]) if window["Mode"] == "FLEXIBLE" else 0
        run = partial(self._run, schedule, due)
        self._running[schedule.arn].item = self.region.scheduler.at(
            due + late, run, f"schedule {schedule.name}", flow=False
        )

    def _run(self, schedule: Any, due: float) -> None:
        ScheduledCall(self.region, schedule, due).start()
        self._schedule_next(schedule, due)


class ScheduledCall:
    """One run of a schedule, with the target's retry policy and dead-letter queue."""

    def __init__(self, region: AccountRegion, schedule: Any, due: float) -> None:
        self._region = region
        self._schedule = schedule
        self._due = due
        self._target: dict[str, Any] = schedule.target
        self._id = str(uuid.uuid4())
        self._message = ""

    def start(self) -> None:
        """Schedule the first attempt."""
        what, policy = f"schedule {self._schedule.name}", retry_policy(self._target)
        Delivery(self._region.scheduler, what, policy, self._send, self._fail).start()

    def _send(self, done: Done, attempt: int) -> None:
        self._message = self._input(attempt)
        done(self._denied() or self._deliver())

    def _input(self, attempt: int) -> str:
        """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html."""
        attributes = {
            "attempt-number": str(attempt),
            "execution-id": self._id,
            "schedule-arn": self._schedule.arn,
            "scheduled-time": iso(self._due),
        }
        text: str = self._target.get("Input") or json.dumps(self._notification())
        for name, value in attributes.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text

    def _notification(self) -> dict[str, Any]:
        envelope = new_envelope(self._region, "aws.scheduler", "Scheduled Event", "{}", [self._schedule.arn], self._due)
        return {**envelope, "id": self._id}

    def _denied(self) -> Failure | None:
        """Return a failure if the schedule's role lacks a permission."""
        access, role = self._region.service(Iam).access, self._target["RoleArn"]
        if not access.enforce_iam:
            return None
        try:
            denied = [access.denied(role, self._id, permission) for permission in self._permissions()]
        except UnsupportedPolicyError as error:
            return Failure("AccessDeniedException", str(error), retriable=False)
        for each in filter(None, denied):
            return Failure("AccessDeniedException", unauthorized(role, each), retriable=False)
        return None

    def _permissions(self) -> Iterator[Permission]:
        arn, event = self._target["Arn"], self._target.get("EventBridgeParameters")
        known = {"events:source": (event["Source"],), "events:detail-type": (event["DetailType"],)} if event else {}
        if arn != _REDRIVE:
            yield Permission(_ACTIONS[arn.split(":")[2]], arn, known)
            return
        move = json.loads(self._message)
        for name in ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            yield Permission(f"sqs:{name}", move["SourceArn"], {})
        if "DestinationArn" in move:
            yield Permission("sqs:SendMessage", move["DestinationArn"], {})

    def _deliver(self) -> Failure | None:
        arn, event = self._target["Arn"], self._target.get("EventBridgeParameters")
        if arn == _REDRIVE:
            return self._redrive()
        if event is None:
            return attempt(lambda: send(self._region, self._target, self._message))
        entry = {**event, "Detail": self._message, "EventBusName": arn, "Resources": [self._schedule.arn]}
        (result,) = self._region.service(EventBridge).buses.put([entry])
        code = result.get("ErrorCode")
        return Failure(code, result.get("ErrorMessage", ""), retriable=False) if code else None

    def _redrive(self) -> Failure | None:
        try:
            self._region.service(Sqs).moves.start(json.loads(self._message))
        except ApiError as error:
            return Failure(error.code, error.message, retriable=False)
        return None

    def _fail(self, ending: FinalFailure) -> None:
        """https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html."""
        queue = (self._target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            return
        attributes = {
            "ERROR_CODE": ending.failure.code,
            "ERROR_MESSAGE": ending.failure.message,
            "EXECUTION_ID": self._id,
            "IS_PAYLOAD_TRUNCATED": "false",
            "RETRY_ATTEMPTS": str(ending.retries),
            "SCHEDULED_TIME": iso(self._due),
            "SCHEDULE_ARN": self._schedule.arn,
            "TARGET_ARN": self._target["Arn"],
        }
        exhausted = {"EXHAUSTED_RETRY_CONDITION": ending.exhausted} if ending.exhausted else {}
        send_record(self._region, queue, self._message, attributes | exhausted)


def _properties(schedule: Any) -> str:
    """Return a text that differs if a schedule has changed."""
    properties = {name: value for name, value in schedule.to_dict().items() if name != "LastModificationDate"}
    return json.dumps(properties, default=str, sort_keys=True)


def _times(expression: str, zone: str | None) -> Schedule:
    try:
        time_zone = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ScheduleExpressionError(f"{expression}: the time zone {zone!r} does not exist.") from error
    once = _AT.fullmatch(expression)
    if once is None:
        return schedule(expression, time_zone, any_plural=True)  # as in AWS's samples
    try:
        return _Once(datetime.fromisoformat(once[1]).replace(tzinfo=time_zone).timestamp())
    except ValueError as error:
        raise ScheduleExpressionError(f"{expression}: {error}") from error
