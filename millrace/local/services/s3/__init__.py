"""Amazon S3."""

from millrace.local.services.s3.service import S3, bucket_owner

SERVICE = S3

__all__ = ["S3", "bucket_owner"]
