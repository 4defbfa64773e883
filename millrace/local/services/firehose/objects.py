"""Objects that a delivery stream writes to its bucket.

https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
"""

import gzip
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Delivery, Done, Failure, FinalFailure, RetryPolicy
from millrace.local.services.firehose.buffers import Record
from millrace.local.services.firehose.configuration import Destination
from millrace.local.services.firehose.errors import denied, log_error
from millrace.local.services.firehose.prefixes import evaluated
from millrace.local.services.s3 import bucket_owner

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_UNLIMITED = 1_000_000
_DAY = 24 * 3600.0
"""Firehose retries for up to 24 hours and then loses the records.

https://docs.aws.amazon.com/firehose/latest/dev/retry.html
"""


class ObjectDelivery:
    """Writes one object with the data of some records."""

    def __init__(
        self, region: "AccountRegion", stream: Any, destination: Destination, records: Sequence[Record], error: str = ""
    ) -> None:
        self._region = region
        self._stream = stream
        self._destination = destination
        arrived = datetime.fromtimestamp(min(record.arrived for record in records), destination.zone)
        prefix = evaluated(destination.error_prefix if error else destination.prefix, arrived, error)
        name = f"{stream.delivery_stream_name}-{stream.version_id}-{arrived:%Y-%m-%d-%H-%M-%S}-{uuid.uuid4()}"
        self._key = f"{prefix}{name}{destination.extension}"
        data = b"".join(record.data for record in records)
        self._data = gzip.compress(data, mtime=0) if destination.is_gzip else data

    def start(self) -> None:
        """Write the object, and retry after a failure."""
        policy = RetryPolicy(_UNLIMITED, _DAY, lambda retry: 2.0 ** min(retry, 10))
        what = f"delivery to the bucket {self._destination.bucket}"
        Delivery(self._region.scheduler, what, policy, self._put, self._lost).start()

    def _put(self, done: Done, _attempt: int) -> None:
        destination, resource = self._destination, f"{self._destination.bucket_arn}/{self._key}"
        if not (owner := bucket_owner(destination.bucket)):
            done(Failure("S3.NoSuchBucket", f"The specified bucket {destination.bucket} does not exist."))
        elif reason := denied(self._region, destination.role, self._stream, "s3:PutObject", resource):
            done(Failure("S3.AccessDenied", reason))
        else:
            from moto.s3.models import s3_backends

            encrypted = {"encryption": "aws:kms", "kms_key_id": destination.key} if destination.key else {}
            s3_backends[owner]["aws"].put_object(destination.bucket, self._key, self._data, **encrypted)
            done(None)

    def _lost(self, final: FinalFailure) -> None:
        log_error(self._region, self._stream, final.failure)
