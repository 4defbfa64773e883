"""The environment of a function: the variables that its construct sets, and its AWS clients."""

import importlib
import os
from functools import cache
from typing import Any

from millrace.events import Event

BUS = "MILLRACE_BUS"
"""The environment variable with the name of the event bus that a function publishes to."""


def required(variable: str, fix: str = "the construct of the function sets it.") -> str:
    """Return the value of an environment variable. Raises LookupError with the `fix` if it is not set."""
    if variable not in os.environ:
        raise LookupError(f"{variable} is not set: {fix}")
    return os.environ[variable]


@cache
def event_types(variable: str) -> dict[str, type[Event]]:
    """Return the event classes that a variable lists as `module:Class`, separated by spaces, by class name."""
    found = {}
    for address in os.environ.get(variable, "").split():
        module, _, name = address.partition(":")
        found[name] = getattr(importlib.import_module(module), name)
    return found


@cache
def client(service: str) -> Any:
    """Return the boto3 client of a service. boto3 is imported at the first use, because its import is slow."""
    return importlib.import_module("boto3").client(service, config=_config())


@cache
def table_called(name: str) -> Any:
    """Return the DynamoDB table of this name, as a boto3 resource. All tables share a client and its connections."""
    return _dynamodb().Table(name)


@cache
def _dynamodb() -> Any:
    return importlib.import_module("boto3").resource("dynamodb", config=_config())


@cache
def _config() -> Any:
    """Return the configuration of all clients, with a fixed user agent: botocore would build it twice per request.

    https://docs.aws.amazon.com/botocore/latest/reference/config.html
    """
    agent = importlib.import_module("botocore.session").Session().user_agent()
    return importlib.import_module("botocore.config").Config(user_agent=agent)
