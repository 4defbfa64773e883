"""Failure strategies of a processor. docs/failure-strategies.md lists the AWS resources of each."""

from dataclasses import dataclass

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE_ACTIONS, grant_key
from millrace.constructs.channels.channel import Channel, FailurePath, QueueChannel
from millrace.constructs.channels.ordered import OrderedChannel
from millrace.constructs.function.function import declared_function
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import Tables
from millrace.runtime import Declaration

_FALLBACK_RECEIVES = 5
_FALLBACK_RETENTION_DAYS = 9
"""Between 4 days of the first queue and 14 of the dead-letter queue: a message's age counts from its first sending."""


class FailureStrategyError(ValueError):
    """A failure strategy does not work with this channel or function."""


@dataclass(frozen=True)
class Failure:
    """How a processor fails. By default it uses all retries, then the event goes to the dead-letter queue.

    retry: False allows a single attempt.
    fallback: A function that handles the events that fail.
    silent_retention: Raise no alarm, and retain failed events for this long.
    redrive_interval: How often failed events are retried.
    """

    retry: bool = True
    fallback: str | None = None
    silent_retention: Duration | None = None
    redrive_interval: Duration | None = None


def fail_fast() -> Failure:
    """Try once, then use the dead-letter queue: for work that must not be repeated, or is useless later."""
    return Failure(retry=False)


def fail_over(fallback: str) -> Failure:
    """Use all retries, then let another function, `functions/<fallback>`, handle the event by other means."""
    return Failure(fallback=fallback)


def fail_safe(fallback: str) -> Failure:
    """Try once, then let another function publish a safe result, so that the flow continues."""
    return Failure(retry=False, fallback=fallback)


def fail_silent(*, retention_period: Duration | None = None) -> Failure:
    """Use all retries, then retain the event without an alarm, 7 days by default."""
    return Failure(silent_retention=retention_period or Duration.days(7))


def fail_back(*, redrive_interval: Duration | None = None) -> Failure:
    """Use all retries, then move events from the dead-letter queue back into their queue, every hour by default."""
    return Failure(redrive_interval=redrive_interval or Duration.hours(1))


def check_fallback(path: str, first: Declaration, fallback: Declaration | None) -> None:
    """Raise FailureStrategyError unless the fallback takes every event that the first function takes."""
    missing = [event.__name__ for event in first.consumes if fallback and event not in fallback.consumes]
    if fallback and missing:
        raise FailureStrategyError(
            f"{path}: {fallback.name} is the fallback of {first.name} and does not take {', '.join(missing)}: "
            f"add it to the signature of {fallback.module}.{fallback.attribute}."
        )


def check_channel(path: str, failure: Failure, channel: Channel) -> None:
    """Raise FailureStrategyError for a fallback behind an ordered channel: failed records are objects in S3."""
    if failure.fallback and isinstance(channel, OrderedChannel):
        raise FailureStrategyError(
            f"{path}: ordered() stores failed records in a bucket, where the fallback {failure.fallback} cannot "
            f"receive them: use queue() or direct(), or remove failure=…."
        )


def fallback_queue(
    scope: Construct,
    bus: Bus,
    fallback: Declaration,
    tables: Tables,
    settings: Settings,
    failures: FailurePath,
    *,
    receive_count: int,
) -> sqs.Queue:
    """Create the fallback function and its queue, which is the dead-letter queue of the first queue.

    SQS counts receives of a message across both queues, so the second limit includes the first.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
    """
    function = declared_function(scope, "processor", fallback, bus, tables, settings)
    function.enable_quarantine(bus, failures.dead_letters, settings.get("allow_cycle"))
    alarms = Alarms(scope, bus.alarm_topic)
    alarms.function(function.function)
    channel = QueueChannel(
        max_receive_count=receive_count + _FALLBACK_RECEIVES, retention_period=Duration.days(_FALLBACK_RETENTION_DAYS)
    )
    return channel.connect_queue(scope, bus, function, FailurePath(failures.dead_letters, alarms))


def schedule_redrive(
    scope: Construct, bus: Bus, queue: sqs.Queue | None, dead_letters: sqs.Queue, interval: Duration
) -> scheduler.Schedule:
    """Create a schedule that starts a message move task from the dead-letter queue back into the queue.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
    https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    """
    if queue is None:
        raise FailureStrategyError(f"{scope.node.path}: fail_back() moves events back into a queue: use queue().")
    own = {"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
    principal = iam.ServicePrincipal("scheduler.amazonaws.com", conditions=own)
    role = iam.Role(scope, "RedriveRole", assumed_by=principal)
    grant_key(bus.encryption_key, role, "sqs", WRITE_ACTIONS)
    target = targets.Universal(
        service="sqs",
        action="startMessageMoveTask",
        input=scheduler.ScheduleTargetInput.from_object(
            {"SourceArn": dead_letters.queue_arn, "DestinationArn": queue.queue_arn}
        ),
        policy_statements=_move_statements(dead_letters, queue),
        role=role,
        retry_attempts=0,
        dead_letter_queue=bus.dead_letters,
    )
    return scheduler.Schedule(scope, "Redrive", schedule=scheduler.ScheduleExpression.rate(interval), target=target)


def _move_statements(dead_letters: sqs.Queue, queue: sqs.Queue) -> list[iam.PolicyStatement]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html."""
    actions = ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"]
    return [
        iam.PolicyStatement(actions=[f"sqs:{name}" for name in actions], resources=[dead_letters.queue_arn]),
        iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn]),
    ]
