"""The states of circuit breakers: one table for each bus, in which a function sees its own circuit alone."""

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from millrace.constructs.bus.encryption import TABLE, grant_key
from millrace.constructs.stores.kept import short_lived_table

_ACTIONS = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]


class Circuits(Construct):
    """The table. Its items are short-lived: what is lost with it is found out again by a few failing calls."""

    def __init__(self, scope: Construct, key: kms.IKey | None) -> None:
        super().__init__(scope, "Circuits")
        self._key = key
        self.table = short_lived_table(self, "States", key)

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
