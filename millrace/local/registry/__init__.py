"""The resource types that the local cloud makes, each declared once, for every way in."""

from millrace.local.registry import (
    apigatewayv2,
    cloudwatch,
    dynamodb,
    ecr,
    events,
    eventschemas,
    iam,
    kinesis,
    kms,
    lambda_,
    logs,
    s3,
    scheduler,
    secretsmanager,
    sns,
    sqs,
    ssm,
    stepfunctions,
)
from millrace.local.registry.calls import Cloud
from millrace.local.registry.errors import (
    CannotUnset,
    Refused,
    UnknownAttribute,
    UnknownProperty,
    UnknownType,
)
from millrace.local.registry.types import Resource, ResourceType

_SERVICES = (
    apigatewayv2,
    cloudwatch,
    dynamodb,
    ecr,
    events,
    eventschemas,
    iam,
    kinesis,
    kms,
    lambda_,
    logs,
    s3,
    scheduler,
    secretsmanager,
    sns,
    sqs,
    ssm,
    stepfunctions,
)
TYPES: dict[str, ResourceType] = {each.type: each for service in _SERVICES for each in service.TYPES}
IGNORED = frozenset({"AWS::CDK::Metadata"})


def resource_type(name: str, logical_id: str) -> ResourceType:
    """The declaration of a type. Raises UnknownType."""
    if name not in TYPES:
        raise UnknownType(name, logical_id)
    return TYPES[name]


__all__ = [
    "IGNORED",
    "TYPES",
    "CannotUnset",
    "Cloud",
    "Refused",
    "Resource",
    "ResourceType",
    "UnknownAttribute",
    "UnknownProperty",
    "UnknownType",
    "resource_type",
]
