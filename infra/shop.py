"""The stack of the shop, which connects its contexts."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from constructs import Construct

from infra.access_log import AccessLog
from infra.api import PublicApi
from infra.cold_chain import ColdChain
from infra.credit import Credit
from infra.fulfilment import Fulfilment
from infra.loyalty import Loyalty
from infra.notifications import Notifications
from infra.orders import Orders
from infra.warehouse import Warehouse
from millrace.constructs import Bus, Dashboard, acknowledge
from millrace.constructs.bus.encryption import EncryptionKey
from millrace.constructs.observability.alarms import AlarmTopic
from millrace.constructs.stores.tables import Tables

NAME = "shop"


class Shop(Stack):
    """All contexts on one bus, in one stack or `split` into a stack per context.

    `removal_policy` applies to the tables; if they are retained, the stacks are protected.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        encryption_key: EncryptionKey | None = None,
        alarm_topic: AlarmTopic | None = None,
        split: bool = False,
    ) -> None:
        self._protected = removal_policy != RemovalPolicy.DESTROY
        super().__init__(scope, id, description="The shop of Millrace", termination_protection=self._protected)
        self.bus = Bus(self, "Bus", name=NAME, encryption_key=encryption_key, alarm_topic=alarm_topic)
        self._alarm_topic = alarm_topic
        self.stacks: list[Stack] = [self]
        if not split:
            acknowledge(self, "The shop deploys as one stack; the context split=yes divides it.", "stack-quotas")
        self._split = split
        bus = self._bus_of("Warehouse")
        warehouse = Warehouse(Stack.of(bus), "Warehouse", bus=bus, removal_policy=removal_policy)
        bus = self._bus_of("Orders")
        orders = Orders(Stack.of(bus), "Orders", bus=bus, removal_policy=removal_policy)
        bus = self._bus_of("Loyalty")
        loyalty = Loyalty(Stack.of(bus), "Loyalty", bus=bus, removal_policy=removal_policy)
        bus = self._bus_of("Credit")
        Credit(Stack.of(bus), "Credit", bus=bus, removal_policy=removal_policy)
        bus = self._bus_of("Notifications")
        Notifications(Stack.of(bus), "Notifications", bus=bus)
        bus = self._bus_of("AccessLog")
        AccessLog(Stack.of(bus), "AccessLog", bus=bus)
        bus = self._bus_of("ColdChain")
        cold_chain = ColdChain(Stack.of(bus), "ColdChain", bus=bus, removal_policy=removal_policy)
        bus = self._bus_of("Fulfilment")
        stack = Stack.of(bus)
        Fulfilment(
            stack,
            "Fulfilment",
            bus=bus,
            stock=warehouse.stock,
            breaches=cold_chain.breaches,
            removal_policy=removal_policy,
        )
        tables: Tables = {"orders": orders.orders, "customers": orders.customers, "points": loyalty.points}
        api = PublicApi(stack, "PublicApi", bus=bus, tables=tables)  # receives the answers that fulfilment waits for
        Dashboard(stack, "Dashboard", bus=bus, stacks=self.stacks)
        CfnOutput(self, "BusName", value=self.bus.name)
        CfnOutput(stack, "Endpoint", value=api.api.endpoint)

    def _bus_of(self, context: str) -> Bus:
        """Return the bus for a context: of this stack or, if the shop is split, of a new stack that refers to it."""
        if not self._split:
            return self.bus
        stack = Stack(
            self.node.scope,
            f"{self.node.id}-{context}",
            description=f"The shop of Millrace: {context}",
            termination_protection=self._protected,
        )
        stack.add_stack_dependency(self)
        self.stacks.append(stack)
        return Bus(
            stack,
            "Bus",
            name=NAME,
            encryption_key=self.bus.encryption_key,
            alarm_topic=self._alarm_topic,
            existing=True,
        )
