"""A schedule that publishes an event to a bus.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
"""

import json
from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE_ACTIONS, grant_key
from millrace.constructs.bus.rules import RULE_ATTEMPTS, RULE_HOURS
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.function.project import record_source_location
from millrace.constructs.observability.alarms import Alarms
from millrace.events import ContractError, Event

_SCHEDULED_TIME = "<aws.scheduler.scheduled-time>"
"""https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""


class ScheduleDefinitionError(ValueError):
    """A schedule has no expression or two, or its data does not fit its event."""


class Schedule(Construct):
    """Publishes an event to the bus at the times of `cron`, or every `rate`.

    cron: Minutes, hours, day of month, month, day of week, year: `0 3 * * ? *` is each day at 3:00.
        https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
    time_zone: The time zone of `cron`, such as Europe/Berlin; UTC by default.
    data: The fields of the event.

    An event's id is derived from the schedule and the scheduled time, so consumers handle a repeated delivery once.
    A delivery that fails for 24 hours goes to the dead-letter queue.
    """

    def __init__(  # noqa: PLR0913 - each argument is a separate setting
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        event: type[Event],
        cron: str | None = None,
        rate: Duration | None = None,
        time_zone: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        self.event = event
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, owner=self.node.id)
        Alarms(self, bus.alarm_topic).dead_letters(self.dead_letters)
        self.schedule = scheduler.CfnSchedule(
            self,
            "Schedule",
            schedule_expression=self._expression(cron, rate),
            schedule_expression_timezone=time_zone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=self._target(bus, self._fields(data or {})),
        )
        declaration = {"consumes": [], "publishes": [event.contract.name]}
        self.schedule.add_metadata("millrace", {"construct": self.node.path, "declaration": declaration})

    def _target(self, bus: Bus, data: Mapping[str, Any]) -> scheduler.CfnSchedule.TargetProperty:
        role = self._role(bus)
        bus.grant_publish(role, [self.event])
        return scheduler.CfnSchedule.TargetProperty(
            arn=bus.event_bus.event_bus_arn,
            role_arn=role.role_arn,
            event_bridge_parameters=scheduler.CfnSchedule.EventBridgeParametersProperty(
                source=self.event.contract.source, detail_type=self.event.contract.detail_type
            ),
            input=json.dumps({"metadata": self._metadata(), "data": data}),
            dead_letter_config=scheduler.CfnSchedule.DeadLetterConfigProperty(arn=self.dead_letters.queue_arn),
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_retry_attempts=RULE_ATTEMPTS, maximum_event_age_in_seconds=RULE_HOURS * 3600
            ),
        )

    def _role(self, bus: Bus) -> iam.Role:
        """Create the role of the schedule, which also sends failures to the dead-letter queue.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        """
        own = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions=own)
        role = iam.Role(self, "Role", assumed_by=principal)
        role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[self.dead_letters.queue_arn]))
        grant_key(bus.encryption_key, role, "sqs", WRITE_ACTIONS)
        return role

    def _metadata(self) -> dict[str, Any]:
        path = self.node.path.replace("/", ".")
        own_id = f"{path}.{_SCHEDULED_TIME}"
        return {
            "event_id": own_id,
            "correlation_id": own_id,
            "occurred_at": _SCHEDULED_TIME,
            "producer": self.node.id,
            "version": self.event.contract.version,
        }

    def _expression(self, cron: str | None, rate: Duration | None) -> str:
        if (cron is None) == (rate is None):
            given = "both" if cron else "neither"
            raise ScheduleDefinitionError(f"Schedule {self.node.path} has {given} cron and rate: pass one of them.")
        expression: str = scheduler.ScheduleExpression.rate(rate).expression_string if rate else f"cron({cron})"
        return expression

    def _fields(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of the event as JSON. Raises ScheduleDefinitionError if they do not fit its contract."""
        try:
            fields: dict[str, Any] = json.loads(self.event.read(dict(data), tolerant=False).model_dump_json())
        except ContractError as error:
            raise ScheduleDefinitionError(
                f"Schedule {self.node.path}: data={dict(data)!r} does not fit {self.event.__name__}: {error}"
            ) from error
        return fields
