"""Destinations of invocation records: a queue, a topic, a function, an event bus or a bucket.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import contextlib
import json
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from millrace.local.core.clock import iso
from millrace.local.core.targets import send_record

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Record = dict[str, Any]


class Destinations:
    """Sends invocation records."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region

    def send(self, destination: str, record: Record, *, folder: str, payload: str | None = None) -> None:
        """Send a record. A bucket receives an object in `folder` that also contains the payload.

        A deleted destination is ignored. AWS publishes only a metric for it.
        """
        with contextlib.suppress(LookupError):
            self._send(destination, record, folder, payload)

    def _send(self, destination: str, record: Record, folder: str, payload: str | None) -> None:
        service = destination.split(":")[2]
        if service == "s3":
            content = record if payload is None else {**record, "payload": payload}
            self._to_bucket(destination, content, folder)
        elif service == "events":
            self._to_bus(destination, record)
        else:
            send_record(self._region, destination, json.dumps(record))

    def _to_bus(self, bus: str, record: Record) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html."""
        context = record["requestContext"]
        outcome = "Success" if context["condition"] == "Success" else "Failure"
        envelope = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": f"Lambda Function Invocation Result - {outcome}",
            "source": "lambda",
            "account": self._region.account,
            "time": iso(self._region.clock.now()),
            "region": self._region.name,
            "resources": [bus, context["functionArn"]],
            "detail": record,
        }
        send_record(self._region, bus, json.dumps(envelope))

    def _to_bucket(self, bucket_arn: str, record: Record, folder: str) -> None:
        now = datetime.fromtimestamp(self._region.clock.now(), UTC)
        key = f"{folder}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        bucket = bucket_arn.rpartition(":")[2]
        if bucket not in self._region.backends.s3.buckets:
            raise LookupError(f"The bucket {bucket} does not exist.")
        self._region.backends.s3.put_object(bucket, key, json.dumps(record).encode())
