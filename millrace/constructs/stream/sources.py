"""Sources of readings: a Kinesis stream.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta

from aws_cdk import Duration, aws_kinesis
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import encrypted_stream
from millrace.constructs.bus.encryption import WRITE_ACTIONS, grant_key
from millrace.constructs.channels.channel import FailurePath, check_batch_size
from millrace.constructs.channels.ordered import MAX_PARALLELIZATION_FACTOR
from millrace.constructs.failure.failed_records import BucketDestination, failed_records_bucket
from millrace.constructs.function.function import Function
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.runtime.stream.producer import STREAM
from millrace.runtime.stream.windows import Frame

MAX_TUMBLING_WINDOW = 900
"""https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""


class StreamSourceError(ValueError):
    """The settings of a source contradict each other, or a limit of AWS."""


class StreamSource(ABC):
    """Where the records of a stream processor come from."""

    @abstractmethod
    def connect(
        self, scope: Construct, bus: Bus, function: Function, failures: FailurePath, frame: Frame
    ) -> aws_kinesis.IStream | None:
        """Create the event source mapping below `scope`. Returns the stream, if the source has one."""


@dataclass(frozen=True)
class KinesisSource(StreamSource):
    """Stream → function; see `kinesis`."""

    stream: aws_kinesis.IStream | None
    shard_count: int | None
    retention: Duration
    tumbling_window: Duration | None
    batch_size: int
    max_batching_window: Duration | None
    parallelization_factor: int
    enhanced_fan_out: bool
    retry_attempts: int
    max_record_age: Duration
    alarm_age: Duration | None

    def connect(
        self, scope: Construct, bus: Bus, function: Function, failures: FailurePath, frame: Frame
    ) -> aws_kinesis.IStream:
        """Create the stream unless it exists, its consumer, the event source mapping, and the failure path."""
        check_batch_size(f"StreamProcessor {scope.node.path}", self.batch_size)
        width = self._width(scope, frame)
        stream = self.stream or encrypted_stream(
            scope, "Stream", bus.encryption_key, shard_count=self.shard_count, retention=self.retention
        )
        lambda_.EventSourceMapping(
            scope,
            "Source",
            target=function.function,
            event_source_arn=self._source_arn(scope, stream, function),
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=self.batch_size,
            max_batching_window=self.max_batching_window,
            parallelization_factor=self.parallelization_factor,
            tumbling_window=width,
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            retry_attempts=self.retry_attempts,
            max_record_age=self.max_record_age,
            on_failure=BucketDestination(failed_records_bucket(scope, bus.encryption_key, failures.dead_letters)),
        )
        self._grant(bus, stream, function)
        failures.alarms.lag(function.function, self.alarm_age)
        return stream

    def _width(self, scope: Construct, frame: Frame) -> Duration:
        """Return the width of Lambda's own window: that of the processor's, at most 15 minutes."""
        path, factor = f"StreamProcessor {scope.node.path}", self.parallelization_factor
        if not 1 <= factor <= MAX_PARALLELIZATION_FACTOR:
            raise StreamSourceError(
                f"{path}: kinesis(parallelization_factor={factor}): set 1 to {MAX_PARALLELIZATION_FACTOR}."
            )
        width = int(self.tumbling_window.to_seconds() if self.tumbling_window else frame.width.total_seconds())
        if self.tumbling_window is None:
            width = min(width, MAX_TUMBLING_WINDOW)
        if not 1 <= width <= MAX_TUMBLING_WINDOW:
            raise StreamSourceError(f"{path}: the tumbling window has {width} s: set 1 to {MAX_TUMBLING_WINDOW} s.")
        if frame.lateness > timedelta(seconds=self.retention.to_seconds()):
            raise StreamSourceError(
                f"{path}: readings may be {frame.lateness} late, but the stream keeps a record for "
                f"{self.retention.to_seconds():g} s: raise kinesis(retention=…) or lower the lateness."
            )
        tumbling: Duration = Duration.seconds(width)
        return tumbling

    def _source_arn(self, scope: Construct, stream: aws_kinesis.IStream, function: Function) -> str:
        """Return the ARN of the stream, or of a consumer with its own throughput.

        https://docs.aws.amazon.com/streams/latest/dev/enhanced-consumers.html
        """
        if not self.enhanced_fan_out:
            return str(stream.stream_arn)
        consumer = aws_kinesis.CfnStreamConsumer(
            scope, "Consumer", consumer_name=f"{function.name}-consumer", stream_arn=stream.stream_arn
        )
        actions = ["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"]
        function.role.add_to_principal_policy(
            iam.PolicyStatement(actions=actions, resources=[consumer.attr_consumer_arn])
        )
        return str(consumer.attr_consumer_arn)

    def _grant(self, bus: Bus, stream: aws_kinesis.IStream, function: Function) -> None:
        """Allow the function to read the stream, and to put the ticks by which windows close."""
        stream.grant_read(function.role)
        put = iam.PolicyStatement(actions=["kinesis:PutRecords"], resources=[stream.stream_arn])
        function.role.add_to_principal_policy(put)
        grant_key(stream.encryption_key or bus.encryption_key, function.role, "kinesis", WRITE_ACTIONS)
        function.function.add_environment(STREAM, stream.stream_name)
        reason = "The on-failure destination of its event source receives failed records."
        acknowledge(function.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
        acknowledge(function.function, "Shards and parallelization factor limit its concurrency.", "CKV_AWS_115")


def kinesis(  # noqa: PLR0913 - each argument is a separate setting
    *,
    stream: aws_kinesis.IStream | None = None,
    shard_count: int | None = 1,
    retention: Duration | None = None,
    tumbling_window: Duration | None = None,
    batch_size: int = 1000,
    max_batching_window: Duration | None = None,
    parallelization_factor: int = 1,
    enhanced_fan_out: bool = False,
    retry_attempts: int = 5,
    max_record_age: Duration | None = None,
    alarm_age: Duration | None = None,
) -> StreamSource:
    """Read a Kinesis stream: a new one with `shard_count` shards (None: on demand), or an existing `stream`.

    `retention` is 24 hours by default. `tumbling_window` is how long Lambda carries its state before the parts of
    windows are merged in the table: by default the width of the windows, at most 15 minutes. Lambda bisects a failing
    batch and retries the failing record up to `retry_attempts` times, or until it is older than `max_record_age`, 1
    hour by default; then a bucket keeps the record. `enhanced_fan_out` registers a consumer with its own throughput. An
    alarm reports records older than `alarm_age`, 15 minutes by default.
    """
    return KinesisSource(
        stream,
        shard_count,
        retention or Duration.hours(24),
        tumbling_window,
        batch_size,
        max_batching_window,
        parallelization_factor,
        enhanced_fan_out,
        retry_attempts,
        max_record_age or Duration.hours(1),
        alarm_age,
    )
