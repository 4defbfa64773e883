"""Amazon S3: event notifications to functions, queues, topics and the default event bus.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
"""

import contextlib
import json
import uuid
from typing import Any
from urllib.parse import quote_plus

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.clock import iso_millis
from millrace.local.core.service import Service
from millrace.local.core.targets import send_record
from millrace.local.services.eventbridge import new_envelope

_REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "s3:ObjectRemoved:Delete": "DeleteObject",
    "s3:ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}
_DELETIONS = {
    "s3:ObjectRemoved:Delete": "Permanently Deleted",
    "s3:ObjectRemoved:DeleteMarkerCreated": "Delete Marker Created",
}


class S3(Service):
    """The buckets of an account and region."""

    arn_name = "s3"

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self._sequence = 0

    def notify(self, event_name: Any, bucket: Any, key: Any) -> None:
        """Send the notifications of a change to an object. Called on the thread of the request."""
        name, configuration = str(event_name.value), bucket.notification_configuration
        self._sequence += 1
        for notifications in (configuration.cloud_function, configuration.queue, configuration.topic):
            for notification in notifications:
                if notification.matches(name, key.name):
                    self._send(notification.arn, json.dumps(self._event(name, bucket, key, notification.id)))
        if configuration.event_bridge is not None:
            default = f"arn:aws:events:{self.region.name}:{self.region.account}:event-bus/default"
            self._send(default, json.dumps(self._envelope(name, bucket, key)))

    def resource_policy(self, arn: str) -> Any:
        """Return the policy of a bucket."""
        if not self.account_of(arn):
            raise LookupError(arn)
        return self.region.backends.s3.get_bucket(_bucket(arn)).policy

    def account_of(self, arn: str) -> str:
        """Return the account that owns a bucket, which its ARN does not name; empty if it does not exist."""
        return bucket_owner(_bucket(arn))

    def _send(self, arn: str, text: str) -> None:
        def send() -> None:
            with contextlib.suppress(LookupError):  # S3 ignores a destination that does not exist
                send_record(self.region, arn, text)

        self.region.scheduler.soon(send, "notification of a bucket")

    @property
    def _sequencer(self) -> str:
        """Increases with each event; on AWS, with each event of one key."""
        return f"{int(self.region.clock.now() * 1000):012X}{self._sequence & 0xFFFF:04X}"

    def _event(self, name: str, bucket: Any, key: Any, configuration_id: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html."""
        account = self.region.account
        described = self._object(name, bucket, key, "eTag", "versionId")
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": bucket.region_name,
            "eventTime": iso_millis(self.region.clock.now()),
            "eventName": name.removeprefix("s3:"),
            "userIdentity": {"principalId": f"AWS:{account}"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": uuid.uuid4().hex},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration_id,
                "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": account}, "arn": bucket.arn},
                "object": described | {"key": quote_plus(key.name, safe="/")},
            },
        }
        return {"Records": [record]}

    def _object(self, name: str, bucket: Any, key: Any, etag: str, version_id: str) -> dict[str, Any]:
        described: dict[str, Any] = {"key": key.name, "sequencer": self._sequencer}
        if not name.startswith("s3:ObjectRemoved:"):
            described |= {"size": key.size, etag: key.etag.strip('"')}
        return described | ({version_id: key.version_id} if bucket.is_versioned else {})

    def _envelope(self, name: str, bucket: Any, key: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html."""
        from moto.s3.notifications import _detail_type

        detail, now = self._detail(name, bucket, key), self.region.clock.now()
        return new_envelope(self.region, "aws.s3", _detail_type(name), detail, [bucket.arn], now)

    def _detail(self, name: str, bucket: Any, key: Any) -> dict[str, Any]:
        detail: dict[str, Any] = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": self._object(name, bucket, key, "etag", "version-id"),
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": self.region.account,
            "source-ip-address": "127.0.0.1",
        }
        for field, values in (("reason", _REASONS), ("deletion-type", _DELETIONS)):
            if name in values:
                detail[field] = values[name]
        return detail


def bucket_owner(bucket: str) -> str:
    """Return the account that owns a bucket; empty if the bucket does not exist."""
    from moto.s3.models import s3_backends

    return str(s3_backends.bucket_accounts.get(bucket, ("", ""))[1])


def _bucket(arn: str) -> str:
    return arn.split(":", 5)[5].partition("/")[0]
