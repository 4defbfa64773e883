"""EventBridge Scheduler: schedules that call their targets.

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
from millrace.local.core.delivery import Delivery, Done, Failure, FinalFailure, RetryPolicy, rule_retry_delay
from millrace.local.core.errors import ApiError, UnsupportedPolicyError
from millrace.local.core.schedule_expressions import Rate, Schedule, ScheduleExpressionError, schedule
from millrace.local.core.scheduler import ScheduledAction
from millrace.local.core.service import Service
from millrace.local.core.targets import attempt, send, send_record
from millrace.local.services.eventbridge import EventBridge
from millrace.local.services.iam import Iam, Permission
from millrace.local.services.sqs import Sqs

RETRIES = 185
MAX_AGE = 24 * 3600
"""Retries and seconds. https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html"""
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_ACTIONS = {
    "events": "events:PutEvents",
    "kinesis": "kinesis:PutRecord",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}
"""The targets that are served, and what the schedule's role needs for each."""
_REDRIVE = "arn:aws:scheduler:::aws-sdk:sqs:startMessageMoveTask"
"""The one universal target. https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html"""


@dataclass(frozen=True)
class _Once:
    """At one moment, and never again."""

    moment: float

    def after(self, moment: float, began: float) -> float | None:  # noqa: ARG002 - a schedule's form
        """The moment, if it is still to come."""
        return self.moment if self.moment > moment else None


@dataclass
class _Running:
    """A schedule as it was read, the moment it began, and its next run on the agenda."""

    told: str
    times: Schedule
    began: float
    item: ScheduledAction | None = None


class EventBridgeScheduler(Service):
    """Runs the schedules that moto keeps. A flow does not wait for them: their runs are on the agenda beside it."""

    arn_name = "scheduler"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.checks = {f"scheduler {method}": self.check for method in ("POST", "PUT")}
        self._running: dict[str, _Running] = {}
        self._choice = random.Random(0)  # noqa: S311 - a moment within a window, no secret

    def check(self, given: dict[str, Any]) -> None:
        """Refuse an expression, a zone or a target that could not run. Raises Refused."""
        if "ScheduleExpression" not in given:
            return
        try:
            _times(given["ScheduleExpression"], given.get("ScheduleExpressionTimezone"))
        except ScheduleExpressionError as error:
            raise ApiError("ValidationException", f"Invalid Schedule Expression {error}") from error
        arn = given.get("Target", {}).get("Arn", "")
        service = arn.split(":")[2] if arn.startswith("arn:") else arn
        if service not in _ACTIONS and arn != _REDRIVE:
            served = ", ".join((*sorted(_ACTIONS), _REDRIVE))
            raise ApiError("ValidationException", f"The local cloud's schedules reach {served}, and not {arn}.")

    def changed(self) -> None:
        """Begin and end schedules as moto now has them; one that did not change goes on."""
        known = {each.arn: each for group in self._groups() for each in group.schedules.values()}
        wanted = {arn: _told(each) for arn, each in known.items() if each.state != "DISABLED"}
        for arn in [arn for arn, running in self._running.items() if wanted.get(arn) != running.told]:
            self._end(arn)
        for arn, told in wanted.items():
            if arn not in self._running:
                self._begin(known[arn], told)

    def reset(self) -> None:
        """End every schedule."""
        for arn in list(self._running):
            self._end(arn)

    def _groups(self) -> list[Any]:
        return list(self.region.backends.scheduler.schedule_groups.values())

    def _begin(self, schedule: Any, told: str) -> None:
        times = _times(schedule.schedule_expression, schedule.schedule_expression_timezone)
        began = max(self.region.clock.now(), float(schedule.start_date or 0))
        self._running[schedule.arn] = _Running(told, times, began)
        if isinstance(times, Rate):  # a rate begins with its first run
            self._plan(schedule, began)
        else:
            self._plan_next(schedule, began)

    def _end(self, arn: str) -> None:
        item = self._running.pop(arn).item
        if item:
            self.region.scheduler.cancel(item)

    def _plan_next(self, schedule: Any, after: float) -> None:
        running = self._running[schedule.arn]
        due = running.times.after(after, running.began)
        if due is not None and due <= float(schedule.end_date or "inf"):
            self._plan(schedule, due)
        elif schedule.action_after_completion == "DELETE":
            self._end(schedule.arn)
            self.region.backends.scheduler.delete_schedule(schedule.group_name, schedule.name)

    def _plan(self, schedule: Any, due: float) -> None:
        window = schedule.flexible_time_window
        late = self._choice.uniform(0, 60 * window["MaximumWindowInMinutes"]) if window["Mode"] == "FLEXIBLE" else 0
        run = partial(self._run, schedule, due)
        self._running[schedule.arn].item = self.region.scheduler.at(
            due + late, run, f"schedule {schedule.name}", flow=False
        )

    def _run(self, schedule: Any, due: float) -> None:
        ScheduledCall(self.region, schedule, due).start()
        self._plan_next(schedule, due)


class ScheduledCall:
    """One run of a schedule, delivered by the target's own retry policy, into its own dead-letter queue."""

    def __init__(self, region: AccountRegion, schedule: Any, due: float) -> None:
        self._region = region
        self._schedule = schedule
        self._due = due
        self._target: dict[str, Any] = schedule.target
        self._id = str(uuid.uuid4())
        self._message = ""

    def start(self) -> None:
        """Put the first attempt on the agenda."""
        retry = self._target.get("RetryPolicy") or {}
        policy = RetryPolicy(
            retries=retry.get("MaximumRetryAttempts", RETRIES),
            max_age=retry.get("MaximumEventAgeInSeconds", MAX_AGE),
            delay=rule_retry_delay,
        )
        Delivery(self._region.scheduler, f"schedule {self._schedule.name}", policy, self._send, self._give_up).start()

    def _send(self, done: Done, attempt: int) -> None:
        self._message = self._input(attempt)
        done(self._forbidden() or self._delivered())

    def _input(self, attempt: int) -> str:
        """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html."""
        known = {
            "attempt-number": str(attempt),
            "execution-id": self._id,
            "schedule-arn": self._schedule.arn,
            "scheduled-time": iso(self._due),
        }
        text: str = self._target.get("Input") or json.dumps(self._notification())
        for name, value in known.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text

    def _notification(self) -> dict[str, Any]:
        return {
            "version": "0",
            "id": self._id,
            "detail-type": "Scheduled Event",
            "source": "aws.scheduler",
            "account": self._region.account,
            "time": iso(self._due),
            "region": self._region.name,
            "resources": [self._schedule.arn],
            "detail": "{}",
        }

    def _forbidden(self) -> Failure | None:
        """Whether the schedule's role may do what the schedule asks for."""
        access, role = self._region.service(Iam).access, self._target["RoleArn"]
        try:
            denied = [access.denied(role, self._id, ask) for ask in self._asks()] if access.enforce_iam else []
        except UnsupportedPolicyError as error:
            return Failure("AccessDeniedException", str(error), retriable=False)
        for found in filter(None, denied):
            told = f"{role} is not authorized to perform: {found.action} on resource: {found.resource}"
            return Failure("AccessDeniedException", told, retriable=False)
        return None

    def _asks(self) -> Iterator[Permission]:
        arn, given = self._target["Arn"], self._target.get("EventBridgeParameters")
        known = {"events:source": (given["Source"],), "events:detail-type": (given["DetailType"],)} if given else {}
        if arn != _REDRIVE:
            yield Permission(_ACTIONS[arn.split(":")[2]], arn, known)
            return
        move = json.loads(self._message)
        for name in ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            yield Permission(f"sqs:{name}", move["SourceArn"], {})
        if "DestinationArn" in move:
            yield Permission("sqs:SendMessage", move["DestinationArn"], {})

    def _delivered(self) -> Failure | None:
        arn = self._target["Arn"]
        given = self._target.get("EventBridgeParameters")
        if arn == _REDRIVE:
            return self._redriven()
        if given is None:
            return attempt(lambda: send(self._region, self._target, self._message))
        entry = {**given, "Detail": self._message, "EventBusName": arn, "Resources": [self._schedule.arn]}
        (result,) = self._region.service(EventBridge).buses.put([entry])
        code = result.get("ErrorCode")
        return Failure(code, result.get("ErrorMessage", ""), retriable=False) if code else None

    def _redriven(self) -> Failure | None:
        try:
            self._region.service(Sqs).moves.start(json.loads(self._message))
        except ApiError as refused:
            return Failure(refused.code, refused.message, retriable=False)
        return None

    def _give_up(self, ending: FinalFailure) -> None:
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


def _told(schedule: Any) -> str:
    """What tells whether a schedule has changed."""
    shown = {name: value for name, value in schedule.to_dict().items() if name != "LastModificationDate"}
    return json.dumps(shown, default=str, sort_keys=True)


def _times(expression: str, zone: str | None) -> Schedule:
    try:
        known = ZoneInfo(zone or "UTC")
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ScheduleExpressionError(f"{expression}: there is no time zone {zone!r}.") from error
    once = _AT.fullmatch(expression)
    if once is None:
        return schedule(expression, known)
    try:
        return _Once(datetime.fromisoformat(once[1]).replace(tzinfo=known).timestamp())
    except ValueError as error:
        raise ScheduleExpressionError(f"{expression}: {error}") from error
