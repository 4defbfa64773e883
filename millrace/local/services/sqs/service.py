"""Amazon SQS: queues, their messages, and message-move tasks."""

from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import TargetError
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message
from millrace.local.services.sqs.message_moves import MessageMoves
from millrace.local.services.sqs.message_store import trace_attribute
from millrace.local.services.sqs.validation import Validation


class Sqs(Service):
    """The queues of an account and region."""

    arn_name = "sqs"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("sqs:SendMessage",), ("kms:Decrypt", "kms:GenerateDataKey"))
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions."""

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.moves = MessageMoves(region, self.find)
        self.answers = self.moves.answers
        self.checks = Validation(region).checks

    def reset(self) -> None:
        """Drop every message-move task."""
        self.moves.reset()

    def find(self, arn: str) -> Any:
        """Return moto's queue of an ARN. Raises LookupError."""
        queue = self.region.backends.sqs.queues.get(arn.rpartition(":")[2])
        if queue is None or queue.queue_arn != arn:
            raise LookupError(f"The queue {arn} does not exist.")
        return queue

    def deliver(self, message: Message) -> None:
        """Send a message to a queue. A FIFO queue needs content-based deduplication, or the id that a pipe gives.

        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html
        """
        queue, parameters = self.find(message.target["Arn"]), message.target.get("SqsParameters") or {}
        deduplication_id = parameters.get("MessageDeduplicationId")
        if queue.fifo_queue and not queue.content_based_deduplication and not deduplication_id:
            raise TargetError(
                "INVALID_PARAMETER",
                f"The queue {queue.name} should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly",
            )
        self.region.backends.sqs.send_message(
            queue_name=queue.name,
            message_body=message.body,
            message_attributes={name: _with_type(value) for name, value in message.attributes.items()},
            group_id=parameters.get("MessageGroupId"),
            deduplication_id=deduplication_id,
            system_attributes=trace_attribute(message.delivery.trace if message.delivery else ""),
        )

    def resource_policy(self, arn: str) -> Any:
        """Return the policy of a queue."""
        return self.region.backends.sqs.queues[arn.rpartition(":")[2]].policy

    def encryption_key(self, arn: str) -> str | None:
        """Return the KMS key of a queue."""
        key: str | None = self.find(arn).kms_master_key_id
        return key


def _with_type(value: str | dict[str, str]) -> dict[str, str]:
    return value if isinstance(value, dict) else {"DataType": "String", "StringValue": value}
