"""A change to moto's S3: a request names the account that it expects to own the bucket, and moto does not check it.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

_BUCKET, _SOURCE = "x-amz-expected-bucket-owner", "x-amz-source-expected-bucket-owner"


def apply() -> None:
    """Change moto."""
    from moto.s3.responses import S3Response  # noqa: PLC0415 - moto is changed when it is first attached

    for name in ("_bucket_response", "_key_response"):
        setattr(S3Response, name, _checked(getattr(S3Response, name)))


def owner_of(bucket: str) -> str:
    """The account that owns a bucket, whose name is unique in all accounts; empty for one that does not exist."""
    from moto.s3.models import s3_backends  # noqa: PLC0415 - the same

    return str(s3_backends.bucket_accounts.get(bucket, ("", ""))[1])


def _checked(answer: Callable[..., Any]) -> Callable[..., Any]:
    def checked(response: Any, request: Any, full_url: str) -> Any:
        from moto.s3.exceptions import S3AccessDeniedError  # noqa: PLC0415 - the same

        source = unquote(request.headers.get("x-amz-copy-source", "")).lstrip("/").partition("/")[0]
        buckets = {_BUCKET: response.parse_bucket_name_from_url(request, full_url), _SOURCE: source}
        for header, bucket in buckets.items():
            expected, owner = request.headers.get(header), owner_of(bucket or "")
            if expected and owner and expected != owner:
                raise S3AccessDeniedError
        return answer(response, request, full_url)

    return checked
