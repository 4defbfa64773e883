"""Imports and clients of a function, made in Lambda's init phase, which has more processor than a small function.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

import importlib
import os

from millrace.runtime import observe
from millrace.runtime.claims import BUCKET
from millrace.runtime.environment import BUS, client, table_called
from millrace.runtime.idempotency import TABLE, records
from millrace.runtime.publisher import publisher

INITIALIZATION = "AWS_LAMBDA_INITIALIZATION_TYPE"
"""Lambda sets it: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
_TABLES = "MILLRACE_TABLE_"


def prime(*services: str, batches: bool = False) -> None:
    """Import what an invocation needs, and create its clients. Does nothing outside Lambda.

    `batches` is whether the function receives batches of a queue or stream.
    """
    if INITIALIZATION not in os.environ:
        return
    observe.prime()
    importlib.import_module("boto3")
    if batches:
        importlib.import_module("aws_lambda_powertools.utilities.batch")
    if BUS in os.environ:
        publisher()
    if TABLE in os.environ:
        records()
    if BUCKET in os.environ:
        client("s3")
    for name, value in os.environ.items():
        if name.startswith(_TABLES):
            table_called(value)
    for service in services:
        client(service)
