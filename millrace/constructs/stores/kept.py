"""Tables of the kit's own."""

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

from millrace.constructs.observability.acknowledgements import acknowledge


def kept_table(
    scope: Construct, name: str, key: kms.IKey | None, removal: RemovalPolicy, **settings: Any
) -> dynamodb.Table:
    """A table paid by use, under a key or AWS's own, restorable to any second of the last 35 days."""
    kinds = dynamodb.TableEncryption
    made = dynamodb.Table(
        scope,
        name,
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=kinds.CUSTOMER_MANAGED if key else kinds.AWS_MANAGED,
        encryption_key=key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=removal,
        **settings,
    )
    if key is None:
        acknowledge(made, "AWS's key for DynamoDB encrypts it; Bus(encryption_key=…) sets one's own.", "CKV_AWS_119")
    return made


def short_lived_table(scope: Construct, name: str, key: kms.IKey | None) -> dynamodb.Table:
    """A table whose items end by themselves, as Powertools writes them; it goes with its stack."""
    item = dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING)
    return kept_table(scope, name, key, RemovalPolicy.DESTROY, partition_key=item, time_to_live_attribute="expiration")
