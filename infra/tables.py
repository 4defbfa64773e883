"""What the tables of the shop have in common."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct


def table(scope: Construct, name: str, *, key: str, removal: RemovalPolicy) -> dynamodb.Table:
    """A table with one text key: paid by use, encrypted, and restorable to any second of the last 35 days."""
    return dynamodb.Table(
        scope,
        name,
        partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.AWS_MANAGED,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=removal,
    )
