"""The source of a pipe, polled like that of an event source mapping.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-source.html
"""

from typing import Any

from millrace.local.services.lambda_ import REPORTS, Condition, StreamPoller
from millrace.local.workers import Outcome

PARAMETERS = {"sqs": "SqsQueueParameters", "kinesis": "KinesisStreamParameters", "dynamodb": "DynamoDBStreamParameters"}
"""The parameters of each supported source, by its service."""
_BATCH_SIZES = {"sqs": 10, "kinesis": 100, "dynamodb": 100}
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html"""
_READ = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "kinesis": (
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
    ),
    "dynamodb": ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"),
}
"""The permissions on its source that a pipe needs.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-permissions.html
"""


class PipeSource:
    """A pipe in the form of moto's event source mapping."""

    function_response_types = (REPORTS,)
    scaling_config = None
    tumbling_window = 0

    def __init__(self, pipe: Any) -> None:
        self.pipe = pipe
        self.event_source_arn: str = pipe.source
        self.function_arn: str = pipe.arn
        self.role: str = pipe.role_arn
        self.uuid: str = pipe.name

    @property
    def enabled(self) -> bool:
        """Whether the pipe runs."""
        return bool(self.pipe.desired_state == "RUNNING")

    @property
    def service(self) -> str:
        """The service of the source."""
        return self.event_source_arn.split(":")[2]

    @property
    def permissions(self) -> tuple[str, ...]:
        """The actions on the source that the role of the pipe must allow."""
        return _READ[self.service]

    @property
    def _parameters(self) -> dict[str, Any]:
        return (self.pipe.source_parameters or {}).get(PARAMETERS[self.service]) or {}

    @property
    def filter_criteria(self) -> Any:
        """The patterns of which an event must match one."""
        return (self.pipe.source_parameters or {}).get("FilterCriteria")

    @property
    def batch_size(self) -> int:
        """The most events of a batch. An API destination takes one event at a time."""
        if ":api-destination/" in f"{self.pipe.target} {self.pipe.enrichment}":
            return 1
        return int(self._parameters.get("BatchSize") or _BATCH_SIZES[self.service])

    @property
    def max_batch_window(self) -> int:
        """The seconds to wait for a full batch."""
        return int(self._parameters.get("MaximumBatchingWindowInSeconds") or 0)

    @property
    def starting_position(self) -> str:
        """Where to start to read a stream."""
        return str(self._parameters.get("StartingPosition"))

    @property
    def starting_position_timestamp(self) -> Any:
        """The time from which a stream is read."""
        return self._parameters.get("StartingPositionTimestamp")

    @property
    def parallelization_factor(self) -> int:
        """The batches of a shard in flight."""
        return int(self._parameters.get("ParallelizationFactor") or 1)

    @property
    def bisect_on_error(self) -> bool:
        """Whether a failed batch is split."""
        return self._parameters.get("OnPartialBatchItemFailure") == "AUTOMATIC_BISECT"

    @property
    def max_retry_attempts(self) -> int | None:
        """How often a batch of a stream is retried; None for as long as the stream keeps its records."""
        return self._parameters.get("MaximumRetryAttempts")

    @property
    def max_record_age(self) -> int | None:
        """The age in seconds at which a record of a stream is discarded."""
        return self._parameters.get("MaximumRecordAgeInSeconds")

    @property
    def destination_config(self) -> dict[str, Any]:
        """The dead-letter queue or topic of a stream's discarded batches."""
        arn = (self._parameters.get("DeadLetterConfig") or {}).get("Arn")
        return {"OnFailure": {"Destination": arn}} if arn else {}


class PipeStreamPoller(StreamPoller):
    """Reads a stream for a pipe."""

    def failure_context(self, calls: int, condition: Condition, outcome: Outcome | None) -> dict[str, Any]:  # noqa: ARG002 - Lambda's record has them
        """Return the part of a dead letter about the pipe.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
        """
        return {"context": {"partnerResourceArn": self.mapping.function_arn, "condition": condition}}
