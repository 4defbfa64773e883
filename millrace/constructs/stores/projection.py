"""A projection: a function that keeps a read model, on two sides of which one is live."""

from collections.abc import Sequence
from typing import Unpack

import jsii
from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct, IValidation

from millrace.constructs.bus.bus import Bus
from millrace.constructs.channels.channels import Channel, End, queue
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.function.aside import put_aside
from millrace.constructs.function.declared import declared_projection
from millrace.constructs.function.function import Function, Settings, declared_function
from millrace.constructs.function.places import note_place
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.change_streams import let_use
from millrace.constructs.stores.event_store import EventStore
from millrace.constructs.stores.kept import kept_table
from millrace.runtime import Declaration
from millrace.runtime.projection import READ_MODEL, STORES
from millrace.runtime.read_models import read_model_variable

_WRITES = ("GetItem", "BatchGetItem", "PutItem", "DeleteItem", "BatchWriteItem", "Scan")
_TEXT = dynamodb.AttributeType.STRING


class Projection(Construct):
    """The @projection of `functions/<function>/handler.py`, with its rule, channel, tables and failure paths.

    `stores` are the event stores that its events are appended to: from there it is rebuilt, and takes what has not
    come yet. Events of no store are rebuilt from the archive of the bus. Give it to who reads under the name of the
    parameter: `tables={"orders": projection}`, for `orders: ReadModel[OrderView]`.
    """

    offers = "ReadModel"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        function: str,
        stores: Sequence[EventStore] = (),
        channel: Channel | None = None,
        removal: RemovalPolicy = RemovalPolicy.RETAIN,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        note_place(self)
        self.declaration, key = declared_projection(function)
        self._stores = stores
        self._sides = [self._table(name, key, bus, removal) for name in ("Blue", "Green")]
        self._ledger = self._table("Ledger", "id", bus, removal)
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, of=function)
        self.function = self._function(bus, settings)
        put_aside(self.function, bus, self.dead_letters, settings.get("allow_cycle"))
        alarms = Alarms(self, bus.alarm_topic)
        (channel or queue()).connect(
            self, bus, self.declaration.consumes, self.function, End(self.dead_letters, alarms)
        )
        alarms.dead_letters(self.dead_letters)
        alarms.function(self.function.function)
        self.node.add_validation(_Stores(self))

    def variables(self, parameter: str) -> dict[str, str]:
        """The environment by which a handler finds it."""
        return {read_model_variable(parameter): self._named()}

    def admit(self, role: iam.IRole, declaration: Declaration, parameter: str) -> None:  # noqa: ARG002 - all read alike
        """Let a handler read the rows."""
        for side in self._sides:
            let_use(role, side, "GetItem", "Scan")
        let_use(role, self._ledger, "GetItem")

    def missing_stores(self) -> list[str]:
        """What is wrong with `stores`, once every store knows its events."""
        known = {event for store in self._stores for event in store.events}
        return [
            f"{self.node.path} takes {event.__name__}, which is appended to {store.node.path}: give it "
            f"stores=[…] with that, or it can neither keep the order of its streams nor be rebuilt."
            for store in self.node.root.node.find_all()
            if isinstance(store, EventStore)
            for event in self.declaration.consumes
            if event in store.events and event not in known
        ]

    def _function(self, bus: Bus, settings: Settings) -> Function:
        environment = {READ_MODEL: self._named(), STORES: ",".join(store.address for store in self._stores)}
        given: Settings = {**settings, "environment": {**settings.get("environment", {}), **environment}}
        function = declared_function(self, "projection", self.declaration, bus, {}, given)
        for table in (*self._sides, self._ledger):
            let_use(function.role, table, *_WRITES)
        for store in self._stores:
            store.read_by(function.role)
        return function

    def _table(self, name: str, key: str, bus: Bus, removal: RemovalPolicy) -> dynamodb.Table:
        return kept_table(
            self, name, bus.encryption_key, removal, partition_key=dynamodb.Attribute(name=key, type=_TEXT)
        )

    def _named(self) -> str:
        return ",".join(table.table_name for table in (*self._sides, self._ledger))


@jsii.implements(IValidation)
class _Stores:
    def __init__(self, projection: Projection) -> None:
        self._projection = projection

    def validate(self) -> list[str]:
        """As CDK calls it, before it writes a template."""
        return self._projection.missing_stores()
