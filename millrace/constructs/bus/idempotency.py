"""The records of handled events: one table for each bus, in which a function sees its own items alone."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from millrace.constructs.bus.encryption import TABLE as USE_OF_TABLE
from millrace.constructs.bus.encryption import grant_key
from millrace.constructs.stores.kept import short_lived_table
from millrace.runtime.idempotency import SECONDS, TABLE

WINDOW_DAYS = 20
"""A rule tries for 1 day, a queue keeps for 4, a dead-letter queue for 14: until then an event may come again."""
_ACTIONS = ["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]


class Idempotency(Construct):
    """The table, and what a function needs to keep records in it for as long as `window`."""

    def __init__(self, scope: Construct, window: Duration | None, key: kms.IKey | None) -> None:
        super().__init__(scope, "Idempotency")
        self.window: Duration = window or Duration.days(WINDOW_DAYS)
        self.table = short_lived_table(self, "Records", key)

    def environment(self) -> dict[str, str]:
        """What tells a function of its records."""
        return {TABLE: self.table.table_name, SECONDS: str(int(self.window.to_seconds()))}

    def grant(self, role: iam.IRole, owner: str) -> None:
        """Let a role do what Powertools does, with the items that begin with its owner's name.

        https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
        """
        statement = iam.PolicyStatement(
            actions=_ACTIONS,
            resources=[self.table.table_arn],
            conditions={
                "ForAllValues:StringLike": {"dynamodb:LeadingKeys": [f"{owner}#*"]},
                "Null": {"dynamodb:LeadingKeys": "false"},
            },
        )
        role.add_to_principal_policy(statement)
        grant_key(self.table.encryption_key, role, "dynamodb", USE_OF_TABLE)
