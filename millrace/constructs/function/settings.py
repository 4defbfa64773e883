"""Settings of the functions of a construct."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypedDict

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm

_SIMILARITY = 0.5
"""From 0 to 1: how similar a setting must be to be suggested."""
_MAX_TIMEOUT_SECONDS = 900
_MIN_MEMORY_MB, _MAX_MEMORY_MB = 128, 10_240


@dataclass(frozen=True)
class AllowedCycle:
    """Why a cycle of events is intended, and the maximum number of hops of an event in it."""

    reason: str
    max_hops: int


def allow_cycle(*, reason: str, max_hops: int) -> AllowedCycle:
    """Allow a function to close a cycle of events: `Processor(…, allow_cycle=allow_cycle(reason=…, max_hops=…))`."""
    return AllowedCycle(reason, max_hops)


class SettingError(TypeError):
    """A construct got a keyword that is neither an argument nor a setting, or a value that it cannot use."""


class Settings(TypedDict, total=False):
    """Optional settings of every function of a construct.

    Defaults: timeout 30 s, 256 MB, log level INFO, log retention of one month, logs deleted with the stack, X-Ray
    tracing on, arm64, no cycle allowed.

    secrets, parameters: Secrets and SSM parameters by environment variables. A variable contains the ARN of its secret
        or the name of its parameter, and the function may read it; the value is not in the template.
    """

    timeout: Duration
    memory_size: int
    environment: Mapping[str, str]
    secrets: Mapping[str, secretsmanager.ISecret]
    parameters: Mapping[str, ssm.IParameter]
    log_level: str
    log_retention: logs.RetentionDays
    log_removal_policy: RemovalPolicy
    tracing: bool
    architecture: lambda_.Architecture
    allow_cycle: AllowedCycle


def setting_variables(settings: Settings) -> dict[str, str]:
    """Return the environment variables that the settings declare."""
    secrets = {name: secret.secret_arn for name, secret in settings.get("secrets", {}).items()}
    parameters = {name: parameter.parameter_name for name, parameter in settings.get("parameters", {}).items()}
    return {**settings.get("environment", {}), **secrets, **parameters}


def grant_settings(role: iam.IGrantable, settings: Settings) -> None:
    """Allow a role to read the secrets and parameters that the settings declare, and to decrypt them."""
    for secret in settings.get("secrets", {}).values():
        secret.grant_read(role)
    for parameter in settings.get("parameters", {}).values():
        parameter.grant_read(role)


def check_settings(path: str, settings: Settings) -> None:
    """Raise SettingError for a keyword that is no setting, which Python accepts, as `**settings` takes any.

    The variables of `environment` are checked, too: jsii's message about them names neither.
    """
    _check_limits(path, settings)
    known = sorted(Settings.__annotations__)
    for name in settings.keys() - Settings.__annotations__.keys():
        similar = get_close_matches(name, known, 1, _SIMILARITY)
        fix = f"Write {similar[0]}=…" if similar else f"Remove it. The settings are: {', '.join(known)}"
        raise SettingError(f"The construct {path} has no setting {name!r}. {fix}.")
    for variable, value in settings.get("environment", {}).items():
        if not isinstance(value, str):
            raise SettingError(
                f"The construct {path} sets {variable}={value!r} in environment. Write a text: '{value}'."
            )


def _check_limits(path: str, settings: Settings) -> None:
    """Check numbers. CDK reports a value of another type.

    https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    """
    timeout, memory = settings.get("timeout"), settings.get("memory_size")
    if isinstance(timeout, Duration) and not 1 <= timeout.to_seconds() <= _MAX_TIMEOUT_SECONDS:
        seconds = int(timeout.to_seconds())
        raise SettingError(f"The construct {path} has timeout={seconds} s. Set 1 to {_MAX_TIMEOUT_SECONDS} s.")
    if isinstance(memory, int | float) and not _MIN_MEMORY_MB <= memory <= _MAX_MEMORY_MB:
        raise SettingError(
            f"The construct {path} has memory_size={memory}. Set {_MIN_MEMORY_MB} to {_MAX_MEMORY_MB}, in MB."
        )
