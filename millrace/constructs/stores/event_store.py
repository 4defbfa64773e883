"""An event store: a table of event streams, and a relay that publishes appended events."""

from typing import Unpack, cast

from aws_cdk import CfnElement, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import encrypted_bucket, encrypted_table, own_bucket_statement
from millrace.constructs.bus.encryption import READ_ACTIONS, WRITE_ACTIONS, grant_key
from millrace.constructs.channels.channel import FailurePath
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.function.function import Function, function_metadata, snake_case
from millrace.constructs.function.project import record_source_location
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.changes import read_table_stream
from millrace.constructs.stores.tables import grant_table_actions
from millrace.events import Event
from millrace.runtime import Declaration
from millrace.runtime.event_store import store_variable
from millrace.runtime.relay import STORE
from millrace.runtime.stream_items import PENDING
from millrace.runtime.streams import BY_POSITION

RELAY = "millrace.runtime.relay.handler"
_STRING, _NUMBER = dynamodb.AttributeType.STRING, dynamodb.AttributeType.NUMBER
_NEW_EVENTS = {
    "eventName": lambda_.FilterRule.is_equal("INSERT"),
    "dynamodb": {"NewImage": {"log": {"S": lambda_.FilterRule.begins_with(PENDING)}}},
}


class EventStore(Construct):
    """A table of event streams. Its relay publishes appended events to the bus.

    Pass it to a processor or a step by the name of the handler's parameter: `tables={"orders": store}`. The relay may
    publish the events of the aggregates of those handlers. An alarm reports events that wait longer than `alarm_age`,
    15 minutes by default. If the bus has a claim check, the data of events that exceed an item is stored in a bucket of
    the event store, which stays when the stack is deleted.
    """

    parameter_type = "EventStore"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        alarm_age: Duration | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        self._bus = bus
        self.events: list[type[Event]] = []
        self.table = _table(self, bus, removal_policy)
        self.bucket = encrypted_bucket(self, "Data", bus.encryption_key) if bus.claim_check else None
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, owner=self.node.id)
        alarms = Alarms(self, bus.alarm_topic)
        self.relay = self._relay(FailurePath(self.dead_letters, alarms), alarm_age, settings)
        alarms.dead_letters(self.dead_letters)
        alarms.function(self.relay.function)
        alarms.table(self.table)

    def environment(self, parameter: str) -> dict[str, str]:
        """Return the environment variable by which a handler finds the store."""
        return {store_variable(parameter): self.address}

    def grant(self, role: iam.IRole, declaration: Declaration, parameter: str) -> None:
        """Allow a handler to load and append, and the relay to publish the events of the handler's aggregate."""
        grant_table_actions(role, self.table, "Query", "GetItem", "PutItem", "ConditionCheckItem")
        self._grant_objects(role, "s3:PutObject", "s3:GetObject")
        (store,) = [store for store in declaration.stores if store.name == parameter]
        new = [event for event in store.events if event not in self.events]
        self.events += new
        self._bus.grant_publish(self.relay.role, new)
        self.relay.enable_claim_check(self._bus, publishes=new)
        self.relay.add_metadata(**function_metadata("relay", self, [], self.events))

    def grant_read(self, role: iam.IRole) -> None:
        """Allow a projection to read streams, and all events by position."""
        grant_table_actions(role, self.table, "Query", "GetItem")
        grant_table_actions(role, self.table, "Query", index=BY_POSITION)
        self._grant_objects(role, "s3:GetObject")

    @property
    def address(self) -> str:
        """The name of the table and, after a slash, of the bucket if there is one."""
        bucket = f"/{self.bucket.bucket_name}" if self.bucket else ""
        return f"{self.table.table_name}{bucket}"

    def _grant_objects(self, role: iam.IRole, *actions: str) -> None:
        """Allow a role to access the data of large events.

        Without s3:ListBucket, S3 reports a missing object as access denied.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        if self.bucket is None:
            return
        arn = self.bucket.bucket_arn
        role.add_to_principal_policy(own_bucket_statement(self, list(actions), [f"{arn}/*"]))
        role.add_to_principal_policy(own_bucket_statement(self, ["s3:ListBucket"], [arn]))
        key_actions = WRITE_ACTIONS if "s3:PutObject" in actions else READ_ACTIONS
        grant_key(self._bus.encryption_key, role, "s3", key_actions)
        bucket = Stack.of(self).get_logical_id(cast("CfnElement", self.bucket.node.default_child))
        finding = f"AwsSolutions-IAM5[Resource::<{bucket}.Arn>/*]"
        acknowledge(role, "Object keys consist of ids and hashes.", finding)

    def _relay(self, failures: FailurePath, alarm_age: Duration | None, settings: Settings) -> Function:
        relay = Function(
            self,
            "Relay",
            name=f"relay_{snake_case(self.node.id)}",
            handler=RELAY,
            metadata=function_metadata("relay", self, [], []),
            environment={"MILLRACE_BUS": self._bus.name, STORE: self.address},
            settings={"timeout": Duration.minutes(1), **settings},
            key=self._bus.encryption_key,
        )
        grant_table_actions(relay.role, self.table, "GetItem", "UpdateItem")
        self._grant_objects(relay.role, "s3:GetObject")
        grant_table_actions(relay.role, self.table, "Query", index=BY_POSITION)
        filters = [lambda_.FilterCriteria.filter(_NEW_EVENTS)]
        read_table_stream(relay, self.table, failures, self._bus, filters=filters, alarm_age=alarm_age)
        return relay


def _table(scope: Construct, bus: Bus, removal_policy: RemovalPolicy) -> dynamodb.Table:
    table = encrypted_table(
        scope,
        "Table",
        bus.encryption_key,
        removal_policy,
        partition_key=dynamodb.Attribute(name="stream", type=_STRING),
        sort_key=dynamodb.Attribute(name="version", type=_NUMBER),
        stream=dynamodb.StreamViewType.NEW_IMAGE,
    )
    table.add_global_secondary_index(
        index_name=BY_POSITION,
        partition_key=dynamodb.Attribute(name="log", type=_STRING),
        sort_key=dynamodb.Attribute(name="position", type=_NUMBER),
    )
    return table
