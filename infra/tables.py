"""What the tables of the shop have in common."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from millrace.constructs import Bus, acknowledge


def table(scope: Construct, name: str, *, key: str, bus: Bus, removal: RemovalPolicy) -> dynamodb.Table:
    """A table with one text key: paid by use, encrypted as its bus is, restorable to any second of the last 35 days."""
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
        removal_policy=removal,
    )
    if bus.encryption_key is None:
        acknowledge(made, "AWS's key for DynamoDB encrypts it; the bus's own does, where it has one.", "CKV_AWS_119")
    return made


def _encryption(bus: Bus) -> dynamodb.TableEncryption:
    kinds = dynamodb.TableEncryption
    return kinds.CUSTOMER_MANAGED if bus.encryption_key else kinds.AWS_MANAGED
