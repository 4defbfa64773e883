"""Changes to moto's buckets."""

import re
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.moto_patches import replace
from millrace.local.services.s3.service import S3, bucket_owner

_END = "</NotificationConfiguration>"
RegionOf = Callable[..., AccountRegion]
_tagging = threading.local()
"""`requested` is true during PutObjectTagging."""


def apply(region: RegionOf) -> None:
    """Apply every change."""
    _send_notifications(region)
    _mark_tagging_requests()
    _return_event_bridge_configuration()
    _check_expected_owners()


def _send_notifications(region: RegionOf) -> None:
    """Send notifications here: moto sends sample events to the rules of every bus, without their input transformers.

    moto also ignores failures, and sends tagging notifications for PutObject; AWS sends them for PutObjectTagging only.
    """
    from moto.s3 import notifications

    def send_event(_account: str, event_name: Any, bucket: Any, key: Any) -> None:
        if event_name.startswith("s3:ObjectTagging:Put") and not getattr(_tagging, "requested", False):
            return
        if bucket.notification_configuration is not None and key is not None:
            arn = f"arn:aws:s3:{bucket.region_name}:{bucket.account_id}:{bucket.name}"
            region(arn).service(S3).notify(event_name, bucket, key)

    replace(notifications, "send_event", send_event)


def _mark_tagging_requests() -> None:
    from moto.s3.responses import S3Response

    put_by_moto = S3Response.put_object_tagging

    def put_object_tagging(response: Any) -> Any:
        _tagging.requested = True
        try:
            return put_by_moto(response)
        finally:
            _tagging.requested = False

    replace(S3Response, "put_object_tagging", put_object_tagging)


def _return_event_bridge_configuration() -> None:
    """Return EventBridgeConfiguration, which moto omits. A client that puts back what it read would switch it off.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketNotificationConfiguration.html
    """
    from moto.s3.responses import S3Response

    get_by_moto = S3Response.get_bucket_notification

    def get_bucket_notification(response: Any) -> Any:
        status, headers, body = get_by_moto(response)
        configuration = response.backend.get_bucket_notification_configuration(response.bucket_name)
        if configuration and configuration.event_bridge is not None:
            body = re.sub(r"(<NotificationConfiguration[^>]*?)/?>", r"\1><EventBridgeConfiguration/>", body, count=1)
            body = body if body.endswith(_END) else body + _END
        return status, headers, body

    replace(S3Response, "get_bucket_notification", get_bucket_notification)


def _check_expected_owners() -> None:
    """Check the expected bucket owner, which moto ignores.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """
    from moto.s3.responses import S3Response

    for name in ("_bucket_response", "_key_response"):
        replace(S3Response, name, _checked(getattr(S3Response, name)))


def _checked(answer: Callable[..., Any]) -> Callable[..., Any]:
    def checked(response: Any, request: Any, full_url: str) -> Any:
        from moto.s3.exceptions import S3AccessDeniedError

        source = unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/").partition("/")[0]
        buckets = {
            "x-amz-expected-bucket-owner": response.parse_bucket_name_from_url(request, full_url),
            "x-amz-source-expected-bucket-owner": source,
        }
        for header, bucket in buckets.items():
            expected, owner = request.headers.get(header), bucket_owner(bucket or "")
            if expected and owner and expected != owner:
                raise S3AccessDeniedError
        return answer(response, request, full_url)

    return checked
