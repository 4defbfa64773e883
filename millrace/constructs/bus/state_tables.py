"""Tables that the functions of a bus share: idempotency records and circuit breaker states."""

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from millrace.constructs.bus.encrypted_resources import expiring_table
from millrace.constructs.bus.encryption import TABLE_ACTIONS, grant_key
from millrace.runtime.idempotency import SECONDS, TABLE

WINDOW_DAYS = 20
"""Retries of a rule take up to 1 day, a queue retains messages for 4 days, and a dead-letter queue for 14."""


class IdempotencyTable(Construct):
    """The idempotency records of a bus; each function can access only its own items."""

    def __init__(self, scope: Construct, window: Duration | None, key: kms.IKey | None) -> None:
        super().__init__(scope, "Idempotency")
        self.window: Duration = window or Duration.days(WINDOW_DAYS)
        self.table = expiring_table(self, "Records", key)

    def environment(self) -> dict[str, str]:
        """Return the environment variables that configure idempotency."""
        return {TABLE: self.table.table_name, SECONDS: str(int(self.window.to_seconds()))}

    def grant(self, role: iam.IRole, owner: str) -> None:
        """Allow a role to read and write the records whose ids start with its owner's name."""
        actions = ["PutItem", "GetItem", "UpdateItem", "DeleteItem"]
        grant_items(role, self.table, actions, operator="StringLike", keys=f"{owner}#*")


class CircuitTable(Construct):
    """The circuit breaker states of a bus. After a loss of data, breakers open again after a few failing calls."""

    def __init__(self, scope: Construct, key: kms.IKey | None) -> None:
        super().__init__(scope, "Circuits")
        self.table = expiring_table(self, "States", key)

    def grant(self, role: iam.IRole, circuit: str) -> None:
        """Allow a role to read and write the state of one circuit."""
        grant_items(role, self.table, ["GetItem", "PutItem", "UpdateItem"], operator="StringEquals", keys=circuit)


def grant_items(role: iam.IRole, table: dynamodb.Table, actions: list[str], *, operator: str, keys: str) -> None:
    """Allow a role to use only the items whose partition keys match.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    conditions = {
        f"ForAllValues:{operator}": {"dynamodb:LeadingKeys": [keys]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    named = [f"dynamodb:{action}" for action in actions]
    statement = iam.PolicyStatement(actions=named, resources=[table.table_arn], conditions=conditions)
    role.add_to_principal_policy(statement)
    grant_key(table.encryption_key, role, "dynamodb", TABLE_ACTIONS)
