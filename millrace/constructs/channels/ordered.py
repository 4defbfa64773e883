"""The ordered channel: a stream that keeps the order of each key.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from dataclasses import dataclass, replace
from typing import cast

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import READ, WRITE, grant_key
from millrace.constructs.channels.channels import Channel, End, retries
from millrace.constructs.failure.circuit_breakers import refuse_breaker
from millrace.constructs.failure.dead_letters import let_send
from millrace.constructs.failure.failed_records import KeptIn, given_up_bucket
from millrace.constructs.function.declared import EventTypes
from millrace.constructs.function.function import Function
from millrace.constructs.observability.acknowledgements import acknowledge

MOST_LANES = 10
"""https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html#lambda-CreateEventSourceMapping-request-ParallelizationFactor"""
_DATA = "$.detail.data"


class NoOrder(ValueError):
    """An ordered channel that cannot keep the order that is asked of it."""


@dataclass(frozen=True)
class OrderedChannel(Channel):
    """Rule → stream → function, in order for each key; see `ordered`."""

    by: str
    shards: int
    lanes: int
    batch_size: int
    retry_attempts: int
    max_age: Duration
    alarm_age: Duration | None

    def once(self) -> "OrderedChannel":
        """The same, with one attempt for a record that stands alone."""
        return replace(self, retry_attempts=0)

    def connect(self, scope: Construct, bus: Bus, wanted: EventTypes, function: Function, end: End) -> None:
        """Rules, the stream, the event source mapping, and the way of what it gives up."""
        self._check(scope, wanted)
        refuse_breaker(scope, function, "ordered()")
        stream = self._stream(scope, bus.encryption_key)
        target = targets.KinesisStream(
            stream, partition_key_path=f"{_DATA}.{self.by}", dead_letter_queue=end.dead_letters, **retries()
        )
        for rule in bus.rules(scope, wanted, [target]):
            let_send(end.dead_letters, rule.rule_arn)  # CDK's target for streams does not
        self._read(scope, function, stream, given_up_bucket(scope, bus.encryption_key, end.dead_letters))
        _grant(bus.encryption_key, stream, function)
        function.note(channel={"kind": "ordered", "by": self.by})
        end.alarms.lag(function.function, self.alarm_age)

    def _check(self, scope: Construct, wanted: EventTypes) -> None:
        """Raise NoOrder unless each event has its key, as a text that cannot be missing: Kinesis takes no other."""
        place = f"Processor {scope.node.path}"
        if not 1 <= self.lanes <= MOST_LANES:
            raise NoOrder(f"{place}: ordered(lanes={self.lanes}): a shard has 1 to {MOST_LANES} lanes.")
        for event in wanted:
            field = event.model_fields.get(self.by)
            if field is None or field.annotation is not str or not field.is_required():
                has = "no such field" if field is None else f"{self.by}: {field!r}"
                raise NoOrder(
                    f"{place}: ordered(by={self.by!r}): {event.__name__} has {has}. Every event that the processor "
                    f"takes needs it, as {self.by}: str without a default: add it, or order by another field."
                )

    def _stream(self, scope: Construct, key: kms.IKey | None) -> kinesis.Stream:
        """The stream; CDK does not hear of its key, as with `encrypted_queue`."""
        made = kinesis.Stream(
            scope,
            "Stream",
            shard_count=self.shards,
            stream_mode=kinesis.StreamMode.PROVISIONED,
            retention_period=Duration.hours(24),
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=RemovalPolicy.DESTROY,
        )
        resource = made.node.default_child
        if key and isinstance(resource, kinesis.CfnStream):
            resource.add_property_override("StreamEncryption.KeyId", key.key_arn)
            acknowledge(made, "The bus has a key of its own, and so has its stream.", "AwsSolutions-KDS3")
        return made

    def _read(self, scope: Construct, function: Function, stream: kinesis.Stream, kept: s3.Bucket) -> None:
        lambda_.EventSourceMapping(
            scope,
            "Source",
            target=function.function,
            event_source_arn=stream.stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=self.batch_size,
            parallelization_factor=self.lanes,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=self.retry_attempts,
            max_record_age=self.max_age,
            on_failure=KeptIn(kept),
        )
        stream.grant_read(function.role)
        told = "The destination of its source keeps what fails."
        acknowledge(function.function, told, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(function.function, "The lanes of its stream are its bulkhead.", "CKV_AWS_115")


def _grant(key: kms.IKey | None, stream: kinesis.Stream, function: Function) -> None:
    """Let use the key who writes into the stream, by the role that CDK gives to rules, and who reads it."""
    grant_key(key, cast("iam.IRole", stream.node.find_child("EventsRole")), "kinesis", WRITE)
    grant_key(key, function.role, "kinesis", READ)


def ordered(
    *,
    by: str,
    shards: int = 1,
    lanes: int = 1,
    batch_size: int = 10,
    retry_attempts: int = 5,
    max_age: Duration | None = None,
    alarm_age: Duration | None = None,
) -> Channel:
    """A stream in front of the function: events with one value of the field `by` are handled in their order.

    `shards` and, in each, `lanes` (1 to 10) work side by side; a key stays in its lane. An event that fails holds up
    its lane until it has been tried `retry_attempts` times more, or is `max_age` old (1 hour). Then it is put into a
    bucket, which the dead-letter queue is told of, and the lane goes on.
    """
    age = max_age or Duration.hours(1)
    return OrderedChannel(by, shards, lanes, batch_size, retry_attempts, age, alarm_age)
