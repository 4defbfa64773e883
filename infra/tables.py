"""The tables of the shop."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from millrace.constructs import Bus, acknowledge


def table(scope: Construct, name: str, *, key: str, bus: Bus, removal_policy: RemovalPolicy) -> dynamodb.Table:
    """Create an on-demand table with a string key, encrypted like its bus, with point-in-time recovery."""
    made = dynamodb.Table(
        scope,
        name,
        partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=_encryption(bus),
        encryption_key=bus.encryption_key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=removal_policy,
        deletion_protection=removal_policy != RemovalPolicy.DESTROY,
    )
    if bus.encryption_key is None:
        acknowledge(
            made,
            "AWS's key for DynamoDB encrypts it; Bus(encryption_key=…) sets a customer managed key.",
            "CKV_AWS_119",
        )
    return made


def _encryption(bus: Bus) -> dynamodb.TableEncryption:
    kinds = dynamodb.TableEncryption
    return kinds.CUSTOMER_MANAGED if bus.encryption_key else kinds.AWS_MANAGED
