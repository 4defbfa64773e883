"""The states of circuit breakers: one table for each bus, in which a function sees its own circuit alone."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from millrace.constructs.acknowledged import acknowledge
from millrace.constructs.encryption import TABLE, grant_key

_ACTIONS = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]


class Circuits(Construct):
    """The table. Its items are short-lived: what is lost with it is found out again by a few failing calls."""

    def __init__(self, scope: Construct, key: kms.IKey | None) -> None:
        super().__init__(scope, "Circuits")
        self._key = key
        self.table = dynamodb.Table(
            self,
            "States",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            time_to_live_attribute="expiration",
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if key else dynamodb.TableEncryption.AWS_MANAGED,
            encryption_key=key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        if key is None:
            told = "AWS's key for DynamoDB encrypts it; Bus(encryption_key=…) sets a key of one's own."
            acknowledge(self.table, told, "CKV_AWS_119")

    def grant(self, role: iam.IRole, circuit: str) -> None:
        """Let a role do what Powertools does with the one item of a circuit.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        """
        statement = iam.PolicyStatement(
            actions=_ACTIONS,
            resources=[self.table.table_arn],
            conditions={
                "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [circuit]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        )
        role.add_to_principal_policy(statement)
        grant_key(self._key, role, "dynamodb", TABLE)
