"""Changes to moto's buckets."""

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.s3.service import S3, bucket_owner

RegionOf = Callable[..., AccountRegion]
_tagging = threading.local()


def apply(region: RegionOf) -> None:
    """Change moto's buckets."""
    _notify_of_objects(region)
    _tag_quietly()
    _check_expected_owners()


def _notify_of_objects(region: RegionOf) -> None:
    """Moto sends an event of examples to the rules of every bus, past their transformers, and hides what fails."""
    from moto.s3 import notifications  # noqa: PLC0415

    def send_event(_account: str, event_name: Any, bucket: Any, key: Any) -> None:
        if event_name.startswith("s3:ObjectTagging:Put") and not getattr(_tagging, "asked", False):
            return
        if bucket.notification_configuration is not None and key is not None:
            where = f"arn:aws:s3:{bucket.region_name}:{bucket.account_id}:{bucket.name}"
            region(where).service(S3).notify(event_name, bucket, key)

    notifications.send_event = send_event


def _tag_quietly() -> None:
    """Moto tells of tags at each PutObject; only PutObjectTagging does on AWS."""
    from moto.s3.responses import S3Response  # noqa: PLC0415

    answer = S3Response.put_object_tagging

    def put_object_tagging(response: Any) -> Any:
        _tagging.asked = True
        try:
            return answer(response)
        finally:
            _tagging.asked = False

    S3Response.put_object_tagging = put_object_tagging


_BUCKET, _SOURCE = "x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"


def _check_expected_owners() -> None:
    """moto does not check the account that a request expects to own the bucket.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
    """
    from moto.s3.responses import S3Response  # noqa: PLC0415

    for name in ("_bucket_response", "_key_response"):
        setattr(S3Response, name, _checked(getattr(S3Response, name)))


def _checked(answer: Callable[..., Any]) -> Callable[..., Any]:
    def checked(response: Any, request: Any, full_url: str) -> Any:
        from moto.s3.exceptions import S3AccessDeniedError  # noqa: PLC0415 - the same

        source = unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/").partition("/")[0]
        buckets = {_BUCKET: response.parse_bucket_name_from_url(request, full_url), _SOURCE: source}
        for header, bucket in buckets.items():
            expected, owner = request.headers.get(header), bucket_owner(bucket or "")
            if expected and owner and expected != owner:
                raise S3AccessDeniedError
        return answer(response, request, full_url)

    return checked
