"""What becomes of an event that a processor cannot handle. docs/failure-strategies.md says what each becomes on AWS."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import WRITE, grant_key
from millrace.constructs.channels.channels import Channel, End, QueueChannel
from millrace.constructs.channels.ordered import OrderedChannel
from millrace.constructs.function.aside import put_aside
from millrace.constructs.function.function import Settings, declared_function
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.tables import Tables
from millrace.runtime import Declaration

_TRIES = 5
_KEPT_BETWEEN = 9
"""Days of the queue between one of 4 days and a dead-letter queue of 14: age counts from the first sending."""


class UnfitFailure(ValueError):
    """A failure strategy that cannot do what it says."""


@dataclass(frozen=True)
class Failure:
    """How a processor fails: after how many tries, and what then. Without any, its dead-letter queue keeps the event.

    `once`: after the first try. `second`: a function that handles the event in its stead. `silent`: how long the event
    is kept, of which no alarm tells. `again`: how often what was given up is tried anew.
    """

    once: bool = False
    second: str | None = None
    silent: Duration | None = None
    again: Duration | None = None


def fail_fast() -> Failure:
    """One try, then the dead-letter queue: for what must not be done twice, or is of no use later."""
    return Failure(once=True)


def fail_over(second: str) -> Failure:
    """All tries, then another function, `functions/<second>`, handles the event by other means."""
    return Failure(second=second)


def fail_safe(answer: str) -> Failure:
    """One try, then a function that says something safe in its stead, so that the flow goes on."""
    return Failure(once=True, second=answer)


def fail_silent(*, kept: Duration | None = None) -> Failure:
    """All tries, then nothing: no alarm tells of it. The event is kept for 7 days since it came, for those who look."""
    return Failure(silent=kept or Duration.days(7))


def fail_back(*, every: Duration | None = None) -> Failure:
    """All tries, then the event is parked in the dead-letter queue, and every hour put back into its queue."""
    return Failure(again=every or Duration.hours(1))


def check_second(place: str, first: Declaration, second: Declaration | None) -> None:
    """Raise UnfitFailure unless the second function takes every event that the first one takes."""
    missed = [event.__name__ for event in first.consumes if second and event not in second.consumes]
    if second and missed:
        raise UnfitFailure(
            f"{place}: {second.name} is to handle what {first.name} cannot, and does not take {', '.join(missed)}: "
            f"add it to the signature of {second.module}.{second.attribute}."
        )


def check_letters(place: str, fails: Failure, channel: Channel) -> None:
    """Raise UnfitFailure if a second function were handed what an ordered channel gives up: names of objects."""
    if fails.second and isinstance(channel, OrderedChannel):
        raise UnfitFailure(
            f"{place}: ordered() gives events up into a bucket, from where {fails.second} cannot take them: "
            f"use queue() or direct(), or leave failure=… out."
        )


def instead(
    place: Construct, bus: Bus, second: Declaration, tables: Tables, settings: Settings, end: End, *, received: int
) -> sqs.Queue:
    """The queue in front of the function that handles what another could not; what it cannot is a dead letter.

    SQS counts how often a message was `received` across all queues, so that the second one has to go on counting.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
    """
    function = declared_function(place, "processor", second, bus, tables, settings)
    put_aside(function, bus, end.dead_letters, settings.get("allow_cycle"))
    alarms = Alarms(place, bus.alarm_topic)
    alarms.function(function.function)
    channel = QueueChannel(max_receive_count=received + _TRIES, retention=Duration.days(_KEPT_BETWEEN))
    return channel.front(place, bus, function, End(end.dead_letters, alarms))


def redriven(
    scope: Construct, bus: Bus, waiting: sqs.Queue | None, dead_letters: sqs.Queue, every: Duration
) -> scheduler.Schedule:
    """A schedule that has SQS move all dead letters back into their queue; it needs no function for that.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
    """
    if waiting is None:
        raise UnfitFailure(f"{scope.node.path}: fail_back() parks events beside their queue: use the channel queue().")
    role = iam.Role(scope, "RedriveRole", assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"))
    grant_key(bus.encryption_key, role, "sqs", WRITE)
    move = targets.Universal(
        service="sqs",
        action="startMessageMoveTask",
        input=scheduler.ScheduleTargetInput.from_object(
            {"SourceArn": dead_letters.queue_arn, "DestinationArn": waiting.queue_arn}
        ),
        policy_statements=_to_move(dead_letters, waiting),
        role=role,
        retry_attempts=0,
        dead_letter_queue=bus.dead_letters,
    )
    return scheduler.Schedule(scope, "Redrive", schedule=scheduler.ScheduleExpression.rate(every), target=move)


def _to_move(dead_letters: sqs.Queue, waiting: sqs.Queue) -> list[iam.PolicyStatement]:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html."""
    actions = ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"]
    return [
        iam.PolicyStatement(actions=[f"sqs:{name}" for name in actions], resources=[dead_letters.queue_arn]),
        iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[waiting.queue_arn]),
    ]
