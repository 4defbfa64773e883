"""The ordered channel: a Kinesis stream that preserves the order per partition key.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from dataclasses import dataclass, replace
from typing import cast

from aws_cdk import Duration
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import encrypted_stream
from millrace.constructs.bus.encryption import READ_ACTIONS, WRITE_ACTIONS, grant_key
from millrace.constructs.bus.rules import rule_retry_policy
from millrace.constructs.channels.channel import Channel, FailurePath, check_batch_size
from millrace.constructs.failure.circuit_breakers import reject_breaker
from millrace.constructs.failure.dead_letters import allow_eventbridge_to_send
from millrace.constructs.failure.failed_records import BucketDestination, failed_records_bucket
from millrace.constructs.function.function import Function
from millrace.constructs.function.project import EventTypes
from millrace.constructs.observability.acknowledgements import acknowledge

MAX_PARALLELIZATION_FACTOR = 10
"""https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html#lambda-CreateEventSourceMapping-request-ParallelizationFactor"""
_DATA = "$.detail.data"


class OrderingKeyError(ValueError):
    """An ordered channel cannot order these events."""


@dataclass(frozen=True)
class OrderedChannel(Channel):
    """Rule → stream → function, in order per partition key; see `ordered`."""

    partition_key: str
    shard_count: int
    parallelization_factor: int
    batch_size: int
    retry_attempts: int
    max_record_age: Duration
    alarm_age: Duration | None

    def without_retries(self) -> "OrderedChannel":
        """Return the same channel without retries of a single record."""
        return replace(self, retry_attempts=0)

    def connect(
        self, scope: Construct, bus: Bus, event_types: EventTypes, function: Function, failures: FailurePath
    ) -> None:
        """Create the rules, the stream, the event source mapping, and its on-failure destination."""
        self._check(scope, event_types)
        reject_breaker(scope, function, "ordered()")
        stream = encrypted_stream(
            scope, "Stream", bus.encryption_key, shard_count=self.shard_count, retention=Duration.hours(24)
        )
        target = targets.KinesisStream(
            stream,
            partition_key_path=f"{_DATA}.{self.partition_key}",
            dead_letter_queue=failures.dead_letters,
            **rule_retry_policy(),
        )
        for rule in bus.add_rules(scope, event_types, [target]):
            allow_eventbridge_to_send(failures.dead_letters, rule.rule_arn)  # CDK's Kinesis target does not
        bucket = failed_records_bucket(scope, bus.encryption_key, failures.dead_letters)
        self._add_event_source(scope, function, stream, bucket)
        grant_key(bus.encryption_key, cast("iam.IRole", stream.node.find_child("EventsRole")), "kinesis", WRITE_ACTIONS)
        grant_key(bus.encryption_key, function.role, "kinesis", READ_ACTIONS)
        function.add_metadata(channel={"kind": "ordered", "partition_key": self.partition_key})
        failures.alarms.lag(function.function, self.alarm_age)

    def _check(self, scope: Construct, event_types: EventTypes) -> None:
        """Raise OrderingKeyError unless every event has the partition key as a required string."""
        path, key, factor = f"Processor {scope.node.path}", self.partition_key, self.parallelization_factor
        check_batch_size(path, self.batch_size)
        if not 1 <= factor <= MAX_PARALLELIZATION_FACTOR:
            raise OrderingKeyError(
                f"{path}: ordered(parallelization_factor={factor}): set 1 to {MAX_PARALLELIZATION_FACTOR}."
            )
        for event in event_types:
            field = event.model_fields.get(key)
            if field is None or field.annotation is not str or not field.is_required():
                found = "no such field" if field is None else f"{key}: {field!r}"
                raise OrderingKeyError(
                    f"{path}: ordered(partition_key={key!r}): {event.__name__} has {found}. Every event of the "
                    f"processor needs {key}: str without a default: add it, or choose another partition key."
                )

    def _add_event_source(
        self, scope: Construct, function: Function, stream: kinesis.Stream, failed_records: s3.Bucket
    ) -> None:
        lambda_.EventSourceMapping(
            scope,
            "Source",
            target=function.function,
            event_source_arn=stream.stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=self.batch_size,
            parallelization_factor=self.parallelization_factor,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=self.retry_attempts,
            max_record_age=self.max_record_age,
            on_failure=BucketDestination(failed_records),
        )
        stream.grant_read(function.role)
        reason = "The on-failure destination of its event source receives failed records."
        acknowledge(function.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(function.function, "Shards and parallelization factor limit its concurrency.", "CKV_AWS_115")


def ordered(
    *,
    partition_key: str,
    shard_count: int = 1,
    parallelization_factor: int = 1,
    batch_size: int = 10,
    retry_attempts: int = 5,
    max_record_age: Duration | None = None,
    alarm_age: Duration | None = None,
) -> Channel:
    """Put a Kinesis stream in front of the function: events with the same `partition_key` field are handled in order.

    Each shard is processed by up to `parallelization_factor` (1 to 10) concurrent invocations; events of one key stay
    in order. Lambda bisects a failing batch and retries the failing event up to `retry_attempts` times, or until it is
    older than `max_record_age`, 1 hour by default. Later events of its shard worker wait. Then Lambda stores the record
    in a bucket, and the dead-letter queue receives a message about it.
    """
    age = max_record_age or Duration.hours(1)
    return OrderedChannel(
        partition_key, shard_count, parallelization_factor, batch_size, retry_attempts, age, alarm_age
    )
