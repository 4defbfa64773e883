"""Channels: what stands between the bus and a function, and how an event that fails is kept."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.acknowledged import acknowledge
from millrace.constructs.alarms import Alarms
from millrace.constructs.breakers import let_wait, refuse_breaker
from millrace.constructs.bus import Bus
from millrace.constructs.declared import EventTypes
from millrace.constructs.encryption import READ, WRITE, grant_key
from millrace.constructs.function import Function
from millrace.constructs.queues import encrypted_queue

RULE_ATTEMPTS = 185
RULE_HOURS = 24
"""Attempts of a rule, and their time: the most that EventBridge gives, and its defaults.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
"""
TIMEOUTS_OF_VISIBILITY = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


class Channel(ABC):
    """A way from the bus to a function. Whatever fails on it ends in the dead-letter queue it is given."""

    @abstractmethod
    def connect(
        self, scope: Construct, bus: Bus, wanted: EventTypes, function: Function, end: "End"
    ) -> sqs.Queue | None:
        """Make the resources of the channel below `scope`. Gives the queue in which events wait, if it has one."""

    @property
    def receives(self) -> int:
        """How often a queue hands out an event that fails, before it becomes a letter."""
        return 0

    @abstractmethod
    def once(self) -> "Channel":
        """The same channel, by which an event that fails is not tried again."""


@dataclass(frozen=True)
class End:
    """Where a construct's failures go, and who hears of them."""

    dead_letters: sqs.Queue
    alarms: Alarms


@dataclass(frozen=True)
class QueueChannel(Channel):
    """Rule → queue → function, a batch at a time; see `queue`."""

    batch_size: int = 10
    max_concurrency: int = 10
    max_receive_count: int = 5
    batching_window: Duration | None = None
    retention: Duration | None = None
    alarm_age: Duration | None = None

    @property
    def receives(self) -> int:
        """How often it hands out an event that fails."""
        return self.max_receive_count

    def once(self) -> "QueueChannel":
        """The same, with one delivery."""
        return replace(self, max_receive_count=1)

    def connect(self, scope: Construct, bus: Bus, wanted: EventTypes, function: Function, end: End) -> sqs.Queue:
        """Rules, and what they put events into."""
        waiting = self.front(scope, bus, function, end)
        target = targets.SqsQueue(waiting, dead_letter_queue=end.dead_letters, **retries())
        bus.rules(scope, wanted, [target])
        return waiting

    def front(self, scope: Construct, bus: Bus, function: Function, end: End) -> sqs.Queue:
        """The queue, and the event source mapping with partial batch responses."""
        waiting = self._queue(scope, bus, function, end.dead_letters)
        self._read(scope, function, waiting)
        grant_key(bus.encryption_key, function.role, "sqs", READ)
        let_wait(scope, bus, function, waiting, self.batch_size, end.alarms)
        end.alarms.age(waiting, self.alarm_age)
        return waiting

    def _read(self, scope: Construct, function: Function, waiting: sqs.Queue) -> None:
        mapping = lambda_.EventSourceMapping(
            scope,
            "Source",
            target=function.function,
            event_source_arn=waiting.queue_arn,
            batch_size=self.batch_size,
            max_batching_window=self.batching_window,
            max_concurrency=self.max_concurrency,
            report_batch_item_failures=True,
        )
        waiting.grant_consume_messages(function.role)
        kept = "SQS invokes it, and the redrive policy of the queue keeps what fails."
        acknowledge(mapping, kept, "Serverless-LambdaEventSourceMappingDestination")
        acknowledge(function.function, kept, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(function.function, "The maximum concurrency of its source is its bulkhead.", "CKV_AWS_115")

    def _queue(self, scope: Construct, bus: Bus, function: Function, dead_letters: sqs.Queue) -> sqs.Queue:
        window = self.batching_window.to_seconds() if self.batching_window else 0
        return encrypted_queue(
            scope,
            "Queue",
            bus.encryption_key,
            visibility_timeout=Duration.seconds(TIMEOUTS_OF_VISIBILITY * function.timeout.to_seconds() + window),
            retention_period=self.retention or Duration.days(4),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=self.max_receive_count),
        )


@dataclass(frozen=True)
class DirectChannel(Channel):
    """Rule → function, asynchronously; see `direct`."""

    retry_attempts: int
    max_age: Duration | None
    max_concurrency: int | None

    def once(self) -> "DirectChannel":
        """The same, with one attempt of Lambda's."""
        return replace(self, retry_attempts=0)

    def connect(self, scope: Construct, bus: Bus, wanted: EventTypes, function: Function, end: End) -> None:
        """Rules, with their failure path, and the function's own: the one does not see what the other loses."""
        refuse_breaker(scope, function, "direct()")
        target = targets.LambdaFunction(function.function, dead_letter_queue=end.dead_letters, **retries())
        bus.rules(scope, wanted, [target])
        lambda_.EventInvokeConfig(
            scope,
            "OnFailure",
            function=function.function,
            on_failure=destinations.SqsDestination(end.dead_letters),
            retry_attempts=self.retry_attempts,
            max_event_age=self.max_age or Duration.hours(6),
        )
        grant_key(bus.encryption_key, function.role, "sqs", WRITE)
        acknowledge(function.function, "Its on-failure destination keeps more.", "Serverless-LambdaDLQ", "CKV_AWS_116")
        self._bound(function)

    def _bound(self, function: Function) -> None:
        if self.max_concurrency is None:
            acknowledge(function.function, "It has no bulkhead: direct(max_concurrency=…) sets one.", "CKV_AWS_115")
        else:
            function.reserve(self.max_concurrency)


def queue(
    *,
    batch_size: int = 10,
    max_concurrency: int = 10,
    max_receive_count: int = 5,
    batching_window: Duration | None = None,
    retention: Duration | None = None,
    alarm_age: Duration | None = None,
) -> Channel:
    """A queue in front of the function: it takes up what comes in a rush, and is the default.

    `max_concurrency` (2 to 1000) is the bulkhead; an event is given up after `max_receive_count` deliveries.
    Messages are kept for 4 days; the alarm is for those that wait 15 minutes.
    """
    return QueueChannel(batch_size, max_concurrency, max_receive_count, batching_window, retention, alarm_age)


def direct(*, retry_attempts: int = 2, max_age: Duration | None = None, max_concurrency: int | None = None) -> Channel:
    """The function, called by the rule itself: no queue to pay for.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html: `max_age` is 6 hours, which is
    also how long an event waits that is throttled. `max_concurrency` is the bulkhead: so much of the account's
    concurrency is taken from all others, and this function never has more. The last retry comes three minutes after the
    first failure, so the function's timeout must be shorter: see the check `short-retries`.
    """
    return DirectChannel(retry_attempts, max_age, max_concurrency)


def retries() -> dict[str, Any]:
    """The retry policy of every rule."""
    return {"retry_attempts": RULE_ATTEMPTS, "max_event_age": Duration.hours(RULE_HOURS)}
