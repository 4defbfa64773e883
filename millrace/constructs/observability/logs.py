"""Log groups: each ends, and each is encrypted."""

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from millrace.constructs.observability.acknowledgements import acknowledge


def log_group(scope: Construct, name: str, key: kms.IKey | None, **settings: Any) -> logs.LogGroup:
    """A log group that is kept for a month and goes with its stack, unless `settings` say otherwise."""
    kept = {"retention": logs.RetentionDays.ONE_MONTH, "removal_policy": RemovalPolicy.DESTROY, **settings}
    group = logs.LogGroup(scope, name, encryption_key=key, **kept)
    if key is None:
        acknowledge(group, "CloudWatch encrypts it; Bus(encryption_key=…) sets a key of one's own.", "CKV_AWS_158")
    return group
