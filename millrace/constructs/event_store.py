"""An event store: the table of its streams, and the relay that publishes what is appended."""

from typing import Unpack, cast

from aws_cdk import CfnElement, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from millrace.constructs.acknowledged import acknowledge
from millrace.constructs.alarms import Alarms
from millrace.constructs.buckets import encrypted_bucket, own_bucket
from millrace.constructs.bus import Bus
from millrace.constructs.channels import End
from millrace.constructs.encryption import READ, WRITE, grant_key
from millrace.constructs.function import Function, Settings, facts, snake
from millrace.constructs.kept import kept_table
from millrace.constructs.places import note_place
from millrace.constructs.queues import dead_letter_queue
from millrace.constructs.tables import let_use, read_changes
from millrace.events import Event
from millrace.runtime import Declaration
from millrace.runtime.event_store import store_variable
from millrace.runtime.relay import STORE
from millrace.runtime.streams import BY_POSITION, PENDING

RELAY = "millrace.runtime.relay.handler"
_TEXT, _NUMBER = dynamodb.AttributeType.STRING, dynamodb.AttributeType.NUMBER


class EventStore(Construct):
    """A table of streams; what a handler appends is published onto the bus by its relay.

    Give it to a processor or a step under the name of the parameter that takes it: `tables={"orders": store}`. What
    the relay may publish follows from the aggregates of those handlers. An alarm rings when an event has waited for
    `alarm_age`, 15 minutes by default, to be published. Where the bus has a claim check, the data of an event that is
    too large for an item lies in a bucket of the store's own, as long as its table.
    """

    offers = "EventStore"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        removal: RemovalPolicy = RemovalPolicy.RETAIN,
        alarm_age: Duration | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        note_place(self)
        self._bus = bus
        self.events: list[type[Event]] = []
        self.table = _table(self, bus, removal)
        self.bucket = encrypted_bucket(self, "Data", bus.encryption_key, removal_policy=removal) if bus.claims else None
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, of=self.node.id)
        alarms = Alarms(self, bus.alarm_topic)
        self.relay = self._relay(End(self.dead_letters, alarms), alarm_age, settings)
        alarms.dead_letters(self.dead_letters)
        alarms.function(self.relay.function)

    def variables(self, parameter: str) -> dict[str, str]:
        """The environment by which a handler finds it."""
        return {store_variable(parameter): self.address}

    def admit(self, role: iam.IRole, declaration: Declaration, parameter: str) -> None:
        """Let a handler load and append, and the relay publish what that handler's aggregate says."""
        let_use(role, self.table, "Query", "GetItem", "PutItem", "ConditionCheckItem")
        self._let_keep(role, "s3:PutObject", "s3:GetObject")
        (store,) = [store for store in declaration.stores if store.name == parameter]
        new = [event for event in store.events if event not in self.events]
        self.events += new
        self._bus.grant_publish(self.relay.role, new)
        self.relay.use_claims(self._bus, publishes=new)
        self.relay.note(**facts("relay", self, [], self.events))

    def read_by(self, role: iam.IRole) -> None:
        """Let a projection read streams, and all events in their order."""
        let_use(role, self.table, "Query", "GetItem")
        let_use(role, self.table, "Query", index=BY_POSITION)
        self._let_keep(role, "s3:GetObject")

    @property
    def address(self) -> str:
        """What a function finds it by: the name of its table and, after a slash, of its bucket, where it has one."""
        bucket = f"/{self.bucket.bucket_name}" if self.bucket else ""
        return f"{self.table.table_name}{bucket}"

    def _let_keep(self, role: iam.IRole, *actions: str) -> None:
        """Let a role keep the data of large events, or fetch it.

        Who may not list a bucket is not told that an object is gone, just that it is denied.
        https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
        """
        if self.bucket is None:
            return
        arn = self.bucket.bucket_arn
        role.add_to_principal_policy(own_bucket(self, list(actions), [f"{arn}/*"]))
        role.add_to_principal_policy(own_bucket(self, ["s3:ListBucket"], [arn]))
        grant_key(self._bus.encryption_key, role, "s3", WRITE if "s3:PutObject" in actions else READ)
        found = f"AwsSolutions-IAM5[Resource::<{Stack.of(self).get_logical_id(_resource(self.bucket))}.Arn>/*]"
        acknowledge(role, "The names in the bucket are made of ids and hashes.", found)

    def _relay(self, end: End, alarm_age: Duration | None, settings: Settings) -> Function:
        relay = Function(
            self,
            "Relay",
            name=f"relay_{snake(self.node.id)}",
            own=None,
            runs=RELAY,
            facts=facts("relay", self, [], []),
            environment={"MILLRACE_BUS": self._bus.name, STORE: self.address},
            settings={"timeout": Duration.minutes(1), **settings},
            key=self._bus.encryption_key,
        )
        let_use(relay.role, self.table, "GetItem", "UpdateItem")
        self._let_keep(relay.role, "s3:GetObject")
        let_use(relay.role, self.table, "Query", index=BY_POSITION)
        new = [lambda_.FilterCriteria.filter(_NEW)]
        read_changes(relay, self.table, end, self._bus, filters=new, alarm_age=alarm_age)
        return relay


_NEW = {
    "eventName": lambda_.FilterRule.is_equal("INSERT"),
    "dynamodb": {"NewImage": {"log": {"S": lambda_.FilterRule.is_equal(PENDING)}}},
}


def _resource(bucket: s3.Bucket) -> CfnElement:
    return cast("CfnElement", bucket.node.default_child)


def _table(scope: Construct, bus: Bus, removal: RemovalPolicy) -> dynamodb.Table:
    table = kept_table(
        scope,
        "Table",
        bus.encryption_key,
        removal,
        partition_key=dynamodb.Attribute(name="stream", type=_TEXT),
        sort_key=dynamodb.Attribute(name="version", type=_NUMBER),
        stream=dynamodb.StreamViewType.NEW_IMAGE,
    )
    table.add_global_secondary_index(
        index_name=BY_POSITION,
        partition_key=dynamodb.Attribute(name="log", type=_TEXT),
        sort_key=dynamodb.Attribute(name="position", type=_NUMBER),
    )
    return table
