"""Amazon Data Firehose: moto stores the delivery streams, the local cloud delivers their records to S3.

https://docs.aws.amazon.com/firehose/latest/dev/what-is-this-service.html
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import ApiError
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message
from millrace.local.services.firehose.buffers import Record
from millrace.local.services.firehose.configuration import DESTINATIONS, SOURCES, UPDATES, broken_rule, unsupported
from millrace.local.services.firehose.errors import untrusted
from millrace.local.services.firehose.stream import DeliveryStream
from millrace.local.services.iam import roles

_API = "Firehose_20150804"
_MAX_RECORD = 1000 * 1024
_MAX_RECORDS = 500
_MAX_BATCH = 4 * 1024 * 1024
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html"""


class Firehose(Service):
    """The delivery streams of an account and region."""

    arn_name = "firehose"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("firehose:PutRecord",), role_required=True)
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.answers = {f"{_API}.PutRecord": self.put_record, f"{_API}.PutRecordBatch": self.put_record_batch}
        self.checks = {f"{_API}.CreateDeliveryStream": self.check_stream, f"{_API}.UpdateDestination": self.check}
        self._streams: dict[str, DeliveryStream] = {}
        region.source_listeners.append(self)

    def check_stream(self, params: dict[str, Any]) -> None:
        """Reject a delivery stream that AWS rejects or the local cloud does not support."""
        kind = params.get("DeliveryStreamType") or "DirectPut"
        if kind not in SOURCES:
            raise _invalid(f"The local cloud supports the sources {', '.join(SOURCES)}, not {kind}.")
        if kind == "KinesisStreamAsSource" and not params.get("KinesisStreamSourceConfiguration"):
            raise _invalid("KinesisStreamSourceConfiguration is required for the type KinesisStreamAsSource.")
        self.check(params)
        name = params.get("DeliveryStreamName")
        arn = f"arn:aws:firehose:{self.region.name}:{self.region.account}:deliverystream/{name}"
        for role in roles(params):
            if reason := untrusted(self.region, role, arn):
                raise _invalid(reason)

    def check(self, params: dict[str, Any]) -> None:
        """Reject a destination that AWS rejects or the local cloud does not support."""
        served = (*DESTINATIONS, *UPDATES)
        for name, settings in params.items():
            if name.endswith(("DestinationConfiguration", "DestinationUpdate")) and name not in served:
                raise _invalid(f"The local cloud delivers to S3 only, so it does not support {name}.")
            if name in served:
                _check_destination(settings)

    def changed(self) -> None:
        """Start new delivery streams, and drop the records of deleted ones."""
        found = dict(self.region.backends.firehose.delivery_streams)
        for name, stream in list(self._streams.items()):
            if found.get(name) is not stream.stream:
                self._streams.pop(name).stop()
        for name, stream in found.items():
            if name not in self._streams:
                self._streams[name] = DeliveryStream(self.region, stream)

    def reset(self) -> None:
        """Drop every record."""
        for stream in self._streams.values():
            stream.stop()
        self._streams.clear()

    def arrived(self, source_arn: str) -> None:
        """Read a stream that is the source of delivery streams."""
        for stream in list(self._streams.values()):
            if stream.source == source_arn:
                stream.read()

    def moved_to_dead_letter_queue(self, message: Any, source_arn: str, queue_arn: str) -> None:
        """Firehose reads no queues."""

    def find(self, arn: str) -> DeliveryStream:
        """Return the delivery stream of an ARN. Raises LookupError if it does not exist."""
        name = arn.rpartition("/")[2]
        if name not in self._streams:
            raise LookupError(f"Firehose {name} under account {self.region.account} not found.")
        return self._streams[name]

    def put(self, arn: str, data: Sequence[bytes]) -> list[str]:
        """Add records to a delivery stream. Return their ids. Raises LookupError."""
        stream, now = self.find(arn), self.region.clock.now()
        records = [Record(each, now) for each in data]
        stream.put(records)
        return [record.id for record in records]

    def deliver(self, message: Message) -> None:
        """Put a record."""
        self.put(message.target["Arn"], [message.body.encode()])

    def put_record(self, params: dict[str, Any]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html."""
        (record_id,) = self._put(params, [params.get("Record")])
        return {"RecordId": record_id, "Encrypted": False}

    def put_record_batch(self, params: dict[str, Any]) -> dict[str, Any]:
        """https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html."""
        ids = self._put(params, params.get("Records"))
        return {"FailedPutCount": 0, "Encrypted": False, "RequestResponses": [{"RecordId": each} for each in ids]}

    def _put(self, params: dict[str, Any], records: Any) -> list[str]:
        name = str(params.get("DeliveryStreamName"))
        try:
            stream = self.find(name)
        except LookupError as error:
            raise ApiError("ResourceNotFoundException", str(error.args[0])) from error
        if stream.source:
            raise _invalid("This operation is not permitted on KinesisStreamAsSource delivery stream type.")
        return self.put(name, _data(records))


def _check_destination(settings: Any) -> None:
    if not isinstance(settings, dict):
        raise _invalid("The destination must be a structure.")
    for name in unsupported(settings):
        raise _invalid(f"The local cloud's delivery streams do not support {name}.")
    if reason := broken_rule(settings):
        raise _invalid(reason)


def _data(records: Any) -> list[bytes]:
    """Return the data of the records in a request. Raises ApiError."""
    if not isinstance(records, list) or not 0 < len(records) <= _MAX_RECORDS:
        raise _violation("records", f"Member must have length between 1 and {_MAX_RECORDS}")
    try:
        data = [base64.b64decode(record["Data"], validate=True) for record in records]
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise ApiError("SerializationException", f"A record has no Base64 text as Data: {error}") from error
    if any(len(each) > _MAX_RECORD for each in data):
        raise _violation("record.data", f"Member must have length less than or equal to {_MAX_RECORD}")
    if sum(map(len, data)) > _MAX_BATCH:
        raise _invalid(f"Records size exceeds {_MAX_BATCH // 1024 // 1024} MB limit")
    return data


def _violation(member: str, constraint: str) -> ApiError:
    return ApiError(
        "ValidationException",
        f"1 validation error detected: Value at '{member}' failed to satisfy constraint: {constraint}",
    )


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidArgumentException", message)
