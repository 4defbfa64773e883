"""Settings of the functions of a construct."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypedDict

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs


@dataclass(frozen=True)
class AllowedCycle:
    """Why a cycle of events is intended, and the maximum number of hops of an event in it."""

    reason: str
    max_hops: int


def allow_cycle(*, reason: str, max_hops: int) -> AllowedCycle:
    """Allow a function to close a cycle of events: `Processor(…, allow_cycle=allow_cycle(reason=…, max_hops=…))`."""
    return AllowedCycle(reason, max_hops)


class Settings(TypedDict, total=False):
    """Optional settings of every function of a construct.

    Defaults: timeout 30 s, 256 MB, log level INFO, log retention of one month, logs deleted with the stack, X-Ray
    tracing on, arm64, no cycle allowed.
    """

    timeout: Duration
    memory_size: int
    environment: Mapping[str, str]
    log_level: str
    log_retention: logs.RetentionDays
    log_removal_policy: RemovalPolicy
    tracing: bool
    architecture: lambda_.Architecture
    allow_cycle: AllowedCycle
