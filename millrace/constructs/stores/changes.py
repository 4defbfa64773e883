"""Change notification: publish an event when an attribute of a table's items changes."""

from typing import Any, Unpack, cast

from aws_cdk import CfnElement, Duration, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encryption import TABLE_ACTIONS, WRITE_ACTIONS, grant_key
from millrace.constructs.channels.channel import FailurePath
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.function.function import Function, event_addresses, function_metadata, snake_case
from millrace.constructs.function.project import record_source_location
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.events import Event
from millrace.runtime.changes import EVENT, FIELD, OLD

_HANDLER = "millrace.runtime.changes.handler"
RETRY_ATTEMPTS = 100
"""Of a batch of stream records, which Lambda bisects, before it goes to the on-failure destination."""


class ChangeMappingError(ValueError):
    """An event cannot describe a change of this table."""


class Changes(Construct):
    """Publishes `event` when the attribute `field` of an item of `table` changes.

    The event's fields take their values from the new item, by name; a field `old_…` takes it from the old item. The
    table needs a stream of new and old images. Writers of the table do not change. An alarm reports changes that wait
    longer than `alarm_age`, 15 minutes by default.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        table: dynamodb.Table,
        field: str,
        event: type[Event],
        alarm_age: Duration | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        _check(f"Changes {self.node.path}", table, field, event)
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, owner=self.node.id)
        reader = Function(
            self,
            "Function",
            name=f"publish_{snake_case(self.node.id)}",
            handler=_HANDLER,
            metadata=function_metadata("changes", self, [], [event]),
            environment={"MILLRACE_BUS": bus.name, EVENT: event_addresses([event]), FIELD: field},
            settings=settings,
            key=bus.encryption_key,
        )
        bus.grant_publish(reader.role, [event])
        reader.enable_claim_check(bus, publishes=[event])
        modified = lambda_.FilterCriteria.filter({"eventName": lambda_.FilterRule.is_equal("MODIFY")})
        alarms = Alarms(self, bus.alarm_topic)
        failures = FailurePath(self.dead_letters, alarms)
        read_table_stream(reader, table, failures, bus, filters=[modified], alarm_age=alarm_age)
        alarms.dead_letters(self.dead_letters)
        alarms.function(reader.function)


def _check(path: str, table: dynamodb.Table, field: str, event: type[Event]) -> None:
    if field not in {name.removeprefix(OLD) for name in event.model_fields}:
        raise ChangeMappingError(
            f"{path} publishes changes of {field!r}, but {event.__name__} has neither {field!r} nor '{OLD}{field}': "
            f"add one to the event."
        )
    resource = table.node.default_child
    stream = resource.stream_specification if isinstance(resource, dynamodb.CfnTable) else None
    if getattr(stream, "stream_view_type", None) != dynamodb.StreamViewType.NEW_AND_OLD_IMAGES.value:
        raise ChangeMappingError(f"{path}: the table needs stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES.")


def read_table_stream(
    reader: Function,
    table: dynamodb.ITable,
    failures: FailurePath,
    bus: Bus,
    *,
    filters: list[dict[str, Any]],
    alarm_age: Duration | None,
) -> None:
    """Invoke a function with batches of a table's stream, in order per shard.

    CDK's DynamoEventSource would grant the table's key without a condition.
    https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
    """
    stream = str(table.table_stream_arn)
    actions = [f"dynamodb:{name}" for name in ("DescribeStream", "GetRecords", "GetShardIterator")]
    reader.role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=[stream]))
    _grant_list_streams(reader.role, table)
    grant_key(table.encryption_key, reader.role, "dynamodb", TABLE_ACTIONS)
    grant_key(bus.encryption_key, reader.role, "sqs", WRITE_ACTIONS)
    reason = "The on-failure destination of its event source receives failures."
    acknowledge(reader.function, reason, "Serverless-LambdaDLQ", "CKV_AWS_116")
    acknowledge(reader.function, "Each shard of the table has one concurrent invocation.", "CKV_AWS_115")
    lambda_.EventSourceMapping(
        reader,
        "Changes",
        target=reader.function,
        event_source_arn=stream,
        starting_position=lambda_.StartingPosition.TRIM_HORIZON,
        batch_size=100,
        bisect_batch_on_error=True,
        retry_attempts=RETRY_ATTEMPTS,
        on_failure=sources.SqsDlq(failures.dead_letters),
        filters=filters,
    )
    failures.alarms.lag(reader.function, alarm_age)


def _grant_list_streams(role: iam.IRole, table: dynamodb.ITable) -> None:
    """Allow a role to list the streams of a table, as DynamoDBStreamReadPolicy of AWS SAM does.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-policy-template-list.html
    """
    streams = f"{table.table_arn}/stream/*"
    role.add_to_principal_policy(iam.PolicyStatement(actions=["dynamodb:ListStreams"], resources=[streams]))
    name = Stack.of(table).get_logical_id(cast("CfnElement", table.node.default_child))
    finding = f"AwsSolutions-IAM5[Resource::<{name}.Arn>/stream/*]"
    acknowledge(role, "The name of a stream contains the time of its creation.", finding)
