"""Reads what it did not declare."""

import boto3

from functions.contracts.scans import Peeped
from millrace.runtime import processor


@processor
def handler(peeped: Peeped) -> None:
    """It is denied."""
    boto3.client("s3").get_object(Bucket=peeped.bucket, Key=peeped.key)
