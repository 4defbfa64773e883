"""Amazon Kinesis Data Streams."""

import json
import uuid
from base64 import b64encode
from typing import Any

from millrace.local.core.errors import TargetError
from millrace.local.core.jsonpath import MISSING, BadPath, find
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message, TargetDelivery


class Kinesis(Service):
    """The streams of an account and region."""

    arn_name = "kinesis"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("kinesis:PutRecord",), ("kms:GenerateDataKey",), role_required=True)
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""

    def deliver(self, message: Message) -> None:
        """Put a record.

        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html
        """
        arn, streams = message.target["Arn"], self.region.backends.kinesis
        name = arn.rpartition("/")[2]
        if name not in streams.streams:
            raise LookupError(f"The stream {arn} does not exist.")
        key = _partition_key(message.target.get("KinesisParameters") or {}, message.delivery)
        streams.put_record(arn, name, key, None, b64encode(message.body.encode()).decode())

    def resource_policy(self, arn: str) -> Any:
        """Return the policy of a stream."""
        return self.region.backends.kinesis.resource_policies.get(arn)

    def encryption_key(self, arn: str) -> str | None:
        """Return the key of a stream."""
        return getattr(self.region.backends.kinesis.streams.get(arn.rpartition("/")[2]), "key_id", None)


def _partition_key(parameters: dict[str, Any], delivery: TargetDelivery | None) -> str:
    if delivery is None:
        return str(parameters.get("PartitionKey") or uuid.uuid4())
    path = parameters.get("PartitionKeyPath")
    try:
        key = find(delivery.envelope, path) if path else delivery.envelope["id"]
    except BadPath as error:
        raise TargetError("INVALID_PARAMETER", str(error)) from error
    if key is MISSING:
        raise TargetError("INVALID_PARAMETER", f"The event has no value at PartitionKeyPath {path}.")
    return key if isinstance(key, str) else json.dumps(key)
