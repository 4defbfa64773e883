"""What a zygote loads before it forks: slow imports and the data of the SDK's first clients."""

import contextlib
import functools
import gc
import importlib

MODULES = (
    "aws_lambda_powertools",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.idempotency",
    "boto3.dynamodb.conditions",
    "millrace.runtime",
    "pydantic",
    "resource",
    "time_machine",
)
"""Loaded where the layers hold them. None starts a thread or reads a function's settings when it is imported."""

SERVICES = ("dynamodb", "events", "stepfunctions")


def load() -> None:
    """Load all this, and put it out of the garbage collector's way, so that workers go on sharing its memory."""
    for name in MODULES:
        with contextlib.suppress(Exception):  # the function that imports it gets the error itself
            importlib.import_module(name)
    _load_services()
    gc.collect()
    gc.freeze()


def _load_services() -> None:
    """Share one loader of the SDK's service models, which reads each file once: 120 ms less for the first client."""
    import boto3
    import botocore.session

    botocore.session.create_loader = functools.cache(botocore.session.create_loader)
    session = boto3.Session("none", "none", region_name="us-east-1")
    for service in SERVICES:
        session.client(service)  # type: ignore[call-overload]
    session.resource("dynamodb").Table("any")  # reads the resource's model, and imports its modules
