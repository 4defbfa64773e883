"""Channels between the bus and a function: an SQS queue, or direct invocation by the rule."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

from aws_cdk import Duration
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import encrypted_queue
from millrace.constructs.bus.encryption import READ_ACTIONS, WRITE_ACTIONS, grant_key
from millrace.constructs.bus.rules import rule_retry_policy
from millrace.constructs.failure.circuit_breakers import enable_breaker, reject_breaker
from millrace.constructs.function.function import Function
from millrace.constructs.function.project import EventTypes
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms

VISIBILITY_TIMEOUT_FACTOR = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


_BATCH_WITHOUT_WINDOW = 10
_MAX_BATCH = 10_000
"""https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
_MAX_RECEIVES = 1_000
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""


class ChannelLimitError(ValueError):
    """A setting of a channel or source exceeds a limit of AWS, at which the deployment would fail."""


def check_batch_size(path: str, batch_size: int) -> None:
    """Raise ChannelLimitError unless Lambda accepts the batch size."""
    if not 1 <= batch_size <= _MAX_BATCH:
        raise ChannelLimitError(f"{path}: batch_size={batch_size}: set 1 to {_MAX_BATCH}.")


@dataclass(frozen=True)
class FailurePath:
    """The dead-letter queue and the alarms of a construct."""

    dead_letters: sqs.Queue
    alarms: Alarms


class Channel(ABC):
    """A path from the bus to a function. Events that fail go to the dead-letter queue of the failure path."""

    @abstractmethod
    def connect(
        self, scope: Construct, bus: Bus, event_types: EventTypes, function: Function, failures: FailurePath
    ) -> sqs.Queue | None:
        """Create the resources of the channel below `scope`. Returns the queue if the channel has one."""

    @property
    def receive_count(self) -> int:
        """How often a failing event is received before it moves to the dead-letter queue; 0 without a queue."""
        return 0

    @abstractmethod
    def without_retries(self) -> "Channel":
        """Return the same channel with a single attempt per event."""


@dataclass(frozen=True)
class QueueChannel(Channel):
    """Rule → queue → function, in batches; see `queue`."""

    batch_size: int = 10
    max_concurrency: int = 10
    max_receive_count: int = 5
    max_batching_window: Duration | None = None
    retention_period: Duration | None = None
    alarm_age: Duration | None = None

    @property
    def receive_count(self) -> int:
        """The maximum receive count."""
        return self.max_receive_count

    def without_retries(self) -> "QueueChannel":
        """Return the same channel with a maximum receive count of 1."""
        return replace(self, max_receive_count=1)

    def connect(
        self, scope: Construct, bus: Bus, event_types: EventTypes, function: Function, failures: FailurePath
    ) -> sqs.Queue:
        """Create the rules and the queue."""
        queue = self.connect_queue(scope, bus, function, failures)
        target = targets.SqsQueue(queue, dead_letter_queue=failures.dead_letters, **rule_retry_policy())
        bus.add_rules(scope, event_types, [target])
        return queue

    def connect_queue(self, scope: Construct, bus: Bus, function: Function, failures: FailurePath) -> sqs.Queue:
        """Create the queue, and the event source mapping with partial batch responses."""
        self._check(scope.node.path)
        queue = self._queue(scope, bus, function, failures.dead_letters)
        self._add_event_source(scope, function, queue)
        grant_key(bus.encryption_key, function.role, "sqs", READ_ACTIONS)
        enable_breaker(scope, bus, function, queue, self.batch_size, failures.alarms)
        failures.alarms.age(queue, self.alarm_age)
        failures.alarms.loops(function.function)
        return queue

    def _check(self, path: str) -> None:
        check_batch_size(path, self.batch_size)
        if self.batch_size > _BATCH_WITHOUT_WINDOW and not self._window:
            raise ChannelLimitError(
                f"{path}: queue(batch_size={self.batch_size}): Lambda needs a window for batches of more than "
                f"{_BATCH_WITHOUT_WINDOW} messages: add max_batching_window=Duration.seconds(1), or more."
            )
        if self.max_receive_count > _MAX_RECEIVES:
            raise ChannelLimitError(
                f"{path}: queue(max_receive_count={self.max_receive_count}): set 1 to {_MAX_RECEIVES}."
            )

    @property
    def _window(self) -> int:
        return int(self.max_batching_window.to_seconds()) if self.max_batching_window else 0

    def _add_event_source(self, scope: Construct, function: Function, queue: sqs.Queue) -> None:
        mapping = lambda_.EventSourceMapping(
            scope,
            "Source",
            target=function.function,
            event_source_arn=queue.queue_arn,
            batch_size=self.batch_size,
            max_batching_window=self.max_batching_window,
            max_concurrency=self.max_concurrency,
            report_batch_item_failures=True,
        )
        queue.grant_consume_messages(function.role)
        reason = "SQS invokes it; the queue's redrive policy moves failures to the dead-letter queue."
        acknowledge(mapping, reason, "Serverless-LambdaEventSourceMappingDestination")
        acknowledge(function.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(function.function, "The maximum concurrency of its event source limits it.", "CKV_AWS_115")

    def _queue(self, scope: Construct, bus: Bus, function: Function, dead_letters: sqs.Queue) -> sqs.Queue:
        return encrypted_queue(
            scope,
            "Queue",
            bus.encryption_key,
            visibility_timeout=Duration.seconds(
                VISIBILITY_TIMEOUT_FACTOR * function.timeout.to_seconds() + self._window
            ),
            retention_period=self.retention_period or Duration.days(4),
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=self.max_receive_count),
        )


@dataclass(frozen=True)
class DirectChannel(Channel):
    """Rule → function, asynchronously; see `direct`."""

    retry_attempts: int
    max_event_age: Duration | None
    reserved_concurrent_executions: int | None

    def without_retries(self) -> "DirectChannel":
        """Return the same channel without retries by Lambda."""
        return replace(self, retry_attempts=0)

    def connect(
        self, scope: Construct, bus: Bus, event_types: EventTypes, function: Function, failures: FailurePath
    ) -> None:
        """Create the rules and the on-failure destination; failed deliveries and failed invocations differ."""
        reject_breaker(scope, function, "direct()")
        target = targets.LambdaFunction(
            function.function, dead_letter_queue=failures.dead_letters, **rule_retry_policy()
        )
        bus.add_rules(scope, event_types, [target])
        lambda_.EventInvokeConfig(
            scope,
            "OnFailure",
            function=function.function,
            on_failure=destinations.SqsDestination(failures.dead_letters),
            retry_attempts=self.retry_attempts,
            max_event_age=self.max_event_age or Duration.hours(6),
        )
        failures.alarms.asynchronous(function.function)
        grant_key(bus.encryption_key, function.role, "sqs", WRITE_ACTIONS)
        reason = "Its on-failure destination receives more than a dead-letter queue would."
        acknowledge(function.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
        if self.reserved_concurrent_executions is None:
            reason = "Set a limit with direct(reserved_concurrent_executions=…)."
            acknowledge(function.function, reason, "CKV_AWS_115")
        else:
            function.reserve_concurrency(self.reserved_concurrent_executions)


def queue(
    *,
    batch_size: int = 10,
    max_concurrency: int = 10,
    max_receive_count: int = 5,
    max_batching_window: Duration | None = None,
    retention_period: Duration | None = None,
    alarm_age: Duration | None = None,
) -> Channel:
    """Put an SQS queue in front of the function, which buffers bursts. This is the default channel.

    `max_concurrency` (2 to 1000) limits the function's concurrency. After `max_receive_count` receives, an event moves
    to the dead-letter queue. `retention_period` is 4 days by default. An alarm reports messages older than
    `alarm_age`, 15 minutes by default.
    """
    return QueueChannel(
        batch_size, max_concurrency, max_receive_count, max_batching_window, retention_period, alarm_age
    )


def direct(
    *,
    retry_attempts: int = 2,
    max_event_age: Duration | None = None,
    reserved_concurrent_executions: int | None = None,
) -> Channel:
    """Let the rule invoke the function asynchronously, without a queue.

    Lambda retries until `max_event_age`, 6 hours by default; throttled events wait that long, too.
    `reserved_concurrent_executions` limits the function and takes that concurrency from the account.
    The last retry follows three minutes after the first failure, so the function's timeout must be shorter: see the
    check `short-retries`.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    return DirectChannel(retry_attempts, max_event_age, reserved_concurrent_executions)
