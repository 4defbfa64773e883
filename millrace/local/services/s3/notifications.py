"""S3 buckets: what they tell functions, queues, topics and the default bus of their objects.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html
"""

import json
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from millrace.local.core.clock import iso, iso_millis
from millrace.local.services import sqs as queues

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

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


class Buckets:
    """Sends the notifications of a bucket."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self._sequence = 0

    def notify(self, event_name: Any, bucket: Any, key: Any) -> None:
        """Tell of what happened to an object. Called on the thread of whoever did it."""
        name, configuration = str(event_name.value), bucket.notification_configuration
        self._sequence += 1
        ways: list[tuple[list[Any], Callable[[str, str], None]]] = [
            (configuration.cloud_function, self._to_function),
            (configuration.queue, lambda arn, text: queues.send(self._region.backends, arn, text)),
            (configuration.topic, self._to_topic),
        ]
        for notifications, send in ways:
            for notification in notifications:
                if notification.matches(name, key.name):
                    self._soon(send, notification.arn, json.dumps(self._event(name, bucket, key, notification.id)))
        if configuration.event_bridge is not None:
            envelope = self._envelope(name, bucket, key)
            self._region.scheduler.soon(lambda: self._region.buses.publish("default", envelope), "event of a bucket")

    def _soon(self, send: Callable[[str, str], None], arn: str, text: str) -> None:
        def sent() -> None:
            try:
                send(arn, text)
            except LookupError:
                return  # S3 tells nobody of a destination that is gone

        self._region.scheduler.soon(sent, "notification of a bucket")

    def _to_function(self, arn: str, text: str) -> None:
        functions = self._region.functions
        functions.invoke_async(functions.find(arn), text.encode())

    def _to_topic(self, arn: str, text: str) -> None:
        if arn not in self._region.backends.sns.topics:
            raise LookupError(f"The topic {arn} does not exist.")
        self._region.backends.sns.publish(arn=arn, message=text)

    @property
    def _sequencer(self) -> str:
        """Grows with each event of the cloud, as AWS's does with those of one key."""
        return f"{int(self._region.clock.now() * 1000):012X}{self._sequence & 0xFFFF:04X}"

    def _event(self, name: str, bucket: Any, key: Any, configuration_id: str) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html."""
        account = self._region.backends.account
        about: dict[str, Any] = {"key": quote_plus(key.name, safe="/"), "sequencer": self._sequencer}
        if not name.startswith("s3:ObjectRemoved:"):
            about |= {"size": key.size, "eTag": key.etag.strip('"')}
        if bucket.is_versioned:
            about["versionId"] = key.version_id
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": bucket.region_name,
            "eventTime": iso_millis(self._region.clock.now()),
            "eventName": name.removeprefix("s3:"),
            "userIdentity": {"principalId": f"AWS:{account}"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": uuid.uuid4().hex},
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": configuration_id,
                "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": account}, "arn": bucket.arn},
                "object": about,
            },
        }
        return {"Records": [record]}

    def _envelope(self, name: str, bucket: Any, key: Any) -> dict[str, Any]:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html."""
        from moto.s3.notifications import _detail_type  # noqa: PLC0415 - as in state.py

        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": _detail_type(name),
            "source": "aws.s3",
            "account": self._region.backends.account,
            "time": iso(self._region.clock.now()),
            "region": bucket.region_name,
            "resources": [bucket.arn],
            "detail": self._detail(name, bucket, key),
        }

    def _detail(self, name: str, bucket: Any, key: Any) -> dict[str, Any]:
        about: dict[str, Any] = {"key": key.name}
        if not name.startswith("s3:ObjectRemoved:"):
            about |= {"size": key.size, "etag": key.etag.strip('"')}
        if bucket.is_versioned:
            about["version-id"] = key.version_id
        detail: dict[str, Any] = {
            "version": "0",
            "bucket": {"name": bucket.name},
            "object": {**about, "sequencer": self._sequencer},
            "request-id": uuid.uuid4().hex[:16].upper(),
            "requester": self._region.backends.account,
            "source-ip-address": "127.0.0.1",
        }
        for more, known in (("reason", _REASONS), ("deletion-type", _DELETIONS)):
            if name in known:
                detail[more] = known[name]
        return detail
