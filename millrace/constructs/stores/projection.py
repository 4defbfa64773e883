"""A projection: a function that maintains a read model in blue/green tables."""

from collections.abc import Sequence
from typing import Unpack

import jsii
from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct, IValidation

from millrace.constructs.bus.bus import Bus
from millrace.constructs.bus.encrypted_resources import encrypted_table
from millrace.constructs.channels.channel import Channel, FailurePath, queue
from millrace.constructs.failure.dead_letters import dead_letter_queue
from millrace.constructs.function.function import Function, declared_function
from millrace.constructs.function.handlers import declared_projection
from millrace.constructs.function.project import record_source_location
from millrace.constructs.function.settings import Settings
from millrace.constructs.observability.alarms import Alarms
from millrace.constructs.stores.event_store import EventStore
from millrace.constructs.stores.tables import grant_table_actions
from millrace.runtime import Declaration
from millrace.runtime.projection import READ_MODEL, STORES
from millrace.runtime.read_models import read_model_variable

_WRITES = ("GetItem", "BatchGetItem", "PutItem", "DeleteItem", "BatchWriteItem", "Scan")


class Projection(Construct):
    """The @projection of `functions/<function>/handler.py` with its rule, channel, tables, and dead-letter queue.

    `stores` are the event stores of its events: it is rebuilt from them, and reads events from them that have not
    arrived yet. Events without a store are rebuilt from the archive of the bus. Pass the projection to readers by the
    name of their parameter: `tables={"orders": projection}` for `orders: ReadModel[OrderView]`.
    """

    parameter_type = "ReadModel"

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        function: str,
        stores: Sequence[EventStore] = (),
        channel: Channel | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        **settings: Unpack[Settings],
    ) -> None:
        super().__init__(scope, id)
        record_source_location(self)
        self.declaration, key = declared_projection(function)
        self._stores = stores
        self._tables = [self._table(name, key, bus, removal_policy) for name in ("Blue", "Green")]
        self._ledger = self._table("Ledger", "id", bus, removal_policy)
        self.dead_letters = dead_letter_queue(self, bus.encryption_key, owner=function)
        self.function = self._function(bus, settings)
        self.function.enable_quarantine(bus, self.dead_letters, settings.get("allow_cycle"))
        alarms = Alarms(self, bus.alarm_topic)
        failures = FailurePath(self.dead_letters, alarms)
        (channel or queue()).connect(self, bus, self.declaration.consumes, self.function, failures)
        alarms.dead_letters(self.dead_letters)
        alarms.function(self.function.function)
        self.node.add_validation(_StoresValidation(self))

    def environment(self, parameter: str) -> dict[str, str]:
        """Return the environment variable by which a handler finds the read model."""
        return {read_model_variable(parameter): self._address()}

    def grant(self, role: iam.IRole, declaration: Declaration, parameter: str) -> None:  # noqa: ARG002
        """Allow a handler to read rows."""
        for table in self._tables:
            grant_table_actions(role, table, "GetItem", "Scan")
        grant_table_actions(role, self._ledger, "GetItem")

    def missing_stores(self) -> list[str]:
        """Return errors about events whose store is not in `stores`, once every store has its events."""
        known = {event for store in self._stores for event in store.events}
        return [
            f"{self.node.path} takes {event.__name__}, which is appended to {store.node.path}: add that to stores=[…]; "
            f"otherwise the projection can neither process events in order nor be rebuilt."
            for store in self.node.root.node.find_all()
            if isinstance(store, EventStore)
            for event in self.declaration.consumes
            if event in store.events and event not in known
        ]

    def _function(self, bus: Bus, settings: Settings) -> Function:
        own = {READ_MODEL: self._address(), STORES: ",".join(store.address for store in self._stores)}
        extended: Settings = {**settings, "environment": {**settings.get("environment", {}), **own}}
        function = declared_function(self, "projection", self.declaration, bus, {}, extended)
        for table in (*self._tables, self._ledger):
            grant_table_actions(function.role, table, *_WRITES)
        for store in self._stores:
            store.grant_read(function.role)
        return function

    def _table(self, name: str, key: str, bus: Bus, removal_policy: RemovalPolicy) -> dynamodb.Table:
        partition_key = dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING)
        return encrypted_table(self, name, bus.encryption_key, removal_policy, partition_key=partition_key)

    def _address(self) -> str:
        return ",".join(table.table_name for table in (*self._tables, self._ledger))


@jsii.implements(IValidation)
class _StoresValidation:
    def __init__(self, projection: Projection) -> None:
        self._projection = projection

    def validate(self) -> list[str]:
        """Return the errors; CDK calls this before it writes a template."""
        return self._projection.missing_stores()
