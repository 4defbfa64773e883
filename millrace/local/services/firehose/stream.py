"""One delivery stream: it reads its source, and buffers, transforms and delivers records."""

import base64
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Failure
from millrace.local.services.firehose.buffers import Buffer, Hints, Record
from millrace.local.services.firehose.configuration import Destination, destination_of
from millrace.local.services.firehose.errors import denied, log_error
from millrace.local.services.firehose.objects import ObjectDelivery
from millrace.local.services.firehose.transformation import TransformationRun
from millrace.local.services.lambda_ import Entry, KinesisReader

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_FAILED = "processing-failed"


class DeliveryStream:
    """Delivers the records of moto's delivery stream to its bucket."""

    def __init__(self, region: "AccountRegion", stream: Any) -> None:
        self.stream = stream
        self._region = region
        what = f"buffer of the delivery stream {stream.delivery_stream_name}"
        self._to_transform = Buffer(region.scheduler, what, self._transformation_hints, self._transform)
        self._to_deliver = Buffer(region.scheduler, what, self._hints, self._deliver)
        self._failed = Buffer(region.scheduler, what, self._hints, self._deliver_failed)
        self.source: str = (stream.source or {}).get("KinesisStreamARN", "")
        self._reader = KinesisReader((region.owner(self.source) or region).backends, self.source, str)
        self._read = {view.shard_id: self._reader.last(view.shard_id) for view in self._reader.shards()}

    @property
    def destination(self) -> Destination:
        """The current configuration of its bucket."""
        return destination_of(self.stream)

    def put(self, records: Iterable[Record]) -> None:
        """Add records."""
        buffer = self._to_transform if self.destination.transformation else self._to_deliver
        for record in records:
            buffer.add(record)

    def read(self) -> None:
        """Read new records of the source, from the time at which the delivery stream was created.

        https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html
        """
        role = self.stream.source["RoleARN"]
        if reason := denied(self._region, role, self.stream, "kinesis:GetRecords", self.source):
            log_error(self._region, self.stream, Failure("Kinesis.AccessDenied", reason))
            return
        for view in self._reader.shards():
            for entry in self._reader.after(view.shard_id, self._read.get(view.shard_id, 0)):
                self._read[view.shard_id] = entry.number
                self.put([_record(view.shard_id, entry)])

    def stop(self) -> None:
        """Drop the buffered records."""
        for buffer in (self._to_transform, self._to_deliver, self._failed):
            buffer.drop()

    def _hints(self) -> Hints:
        return self.destination.hints

    def _transformation_hints(self) -> Hints:
        destination = self.destination
        return destination.transformation.hints if destination.transformation else destination.hints

    def _transform(self, records: Sequence[Record]) -> None:
        destination = self.destination
        if destination.transformation is None:  # an update has removed it
            self._transformed(records, ())
            return
        run = TransformationRun(
            self._region, self.stream, destination, destination.transformation, records, self._transformed
        )
        run.start()

    def _transformed(self, records: Iterable[Record], failed: Iterable[Record]) -> None:
        for record in records:
            self._to_deliver.add(record)
        for record in failed:
            self._failed.add(record)

    def _deliver(self, records: Sequence[Record]) -> None:
        ObjectDelivery(self._region, self.stream, self.destination, records).start()

    def _deliver_failed(self, records: Sequence[Record]) -> None:
        ObjectDelivery(self._region, self.stream, self.destination, records, _FAILED).start()


def _record(shard_id: str, entry: Entry) -> Record:
    found = entry.record["kinesis"]
    metadata = {
        "shardId": shard_id,
        "partitionKey": found["partitionKey"],
        "approximateArrivalTimestamp": int(entry.arrived * 1000),
        "sequenceNumber": found["sequenceNumber"],
        "subsequenceNumber": 0,
    }
    return Record(base64.b64decode(found["data"]), entry.arrived, metadata)
