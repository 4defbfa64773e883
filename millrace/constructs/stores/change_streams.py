"""Who may use tables, and functions that read their changes."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import TABLE, WRITE, grant_key
from millrace.constructs.channels.channels import End
from millrace.constructs.function.function import Function
from millrace.constructs.observability.acknowledgements import acknowledge

RETRIES = 100
"""Of a batch of changes, halved each time, before a letter tells of what is given up."""


def let_use(role: iam.IRole, table: dynamodb.ITable, *actions: str, index: str | None = None) -> None:
    """Let a role do some things with a table, or with just one of its indexes, and use its key for that."""
    place = f"{table.table_arn}/index/{index}" if index else table.table_arn
    named = [f"dynamodb:{action}" for action in actions]
    role.add_to_principal_policy(iam.PolicyStatement(actions=named, resources=[place]))
    grant_key(table.encryption_key, role, "dynamodb", TABLE)


def read_changes(
    reader: Function,
    table: dynamodb.ITable,
    end: End,
    bus: Bus,
    *,
    filters: list[dict[str, Any]],
    alarm_age: Duration | None,
) -> None:
    """Hand a table's changes to a function, a batch at a time, each shard in its order.

    CDK's own event source would let the role use the table's key without a condition.
    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    stream = str(table.table_stream_arn)
    actions = [f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator")]
    reader.role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=[stream]))
    reader.role.add_to_principal_policy(iam.PolicyStatement(actions=["dynamodb:ListStreams"], resources=["*"]))
    grant_key(table.encryption_key, reader.role, "dynamodb", TABLE)
    grant_key(bus.encryption_key, reader.role, "sqs", WRITE)
    kept = "The on-failure destination of its source keeps what fails."
    acknowledge(reader.function, kept, "Serverless-LambdaDLQ", "CKV_AWS_116")
    acknowledge(reader.function, "It runs once at a time for each shard of the table.", "CKV_AWS_115")
    lambda_.EventSourceMapping(
        reader,
        "Changes",
        target=reader.function,
        event_source_arn=stream,
        starting_position=lambda_.StartingPosition.TRIM_HORIZON,
        batch_size=100,
        bisect_batch_on_error=True,
        retry_attempts=RETRIES,
        on_failure=sources.SqsDlq(end.dead_letters),
        filters=filters,
    )
    end.alarms.lag(reader.function, alarm_age)
