"""Destinations of invocation records: a queue, a topic, a function, an event bus or a bucket.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

import contextlib
import json
import uuid
from typing import TYPE_CHECKING, Any

from millrace.local.core.clock import iso
from millrace.local.core.targets import send_record

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Record = dict[str, Any]


def send_to_destination(
    region: "AccountRegion", destination: str, record: Record, *, folder: str, payload: str | None = None
) -> None:
    """Send a record. A bucket receives an object in `folder` that also contains the payload.

    A deleted destination is ignored. AWS publishes only a metric for it.
    """
    with contextlib.suppress(LookupError):
        service = destination.split(":")[2]
        if service == "s3":
            content = record if payload is None else {**record, "payload": payload}
            _put_object(region, destination, content, folder)
        else:
            body = _event(region, destination, record) if service == "events" else record
            send_record(region, destination, json.dumps(body))


def _event(region: "AccountRegion", bus: str, record: Record) -> Record:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html."""
    context = record["requestContext"]
    outcome = "Success" if context["condition"] == "Success" else "Failure"
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": f"Lambda Function Invocation Result - {outcome}",
        "source": "lambda",
        "account": region.account,
        "time": iso(region.clock.now()),
        "region": region.name,
        "resources": [bus, context["functionArn"]],
        "detail": record,
    }


def _put_object(region: "AccountRegion", bucket_arn: str, content: Record, folder: str) -> None:
    now = region.clock.datetime()
    key = f"{folder}/{now:%Y/%m/%d}/{now:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
    bucket = bucket_arn.rpartition(":")[2]
    if bucket not in region.backends.s3.buckets:
        raise LookupError(f"The bucket {bucket} does not exist.")
    region.backends.s3.put_object(bucket, key, json.dumps(content).encode())
