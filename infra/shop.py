"""The stack of the shop. It only joins."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from constructs import Construct

from infra.api import Door
from infra.credit import Credit
from infra.fulfilment import Fulfilment
from infra.loyalty import Loyalty
from infra.notifications import Notifications
from infra.orders import Orders
from infra.warehouse import Warehouse
from millrace.constructs import Bus, Dashboard
from millrace.constructs.bus.encryption import EncryptionKey


class Shop(Stack):
    """All contexts on one bus. `removal` says what becomes of the tables when the stack goes."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        removal: RemovalPolicy,
        encryption_key: EncryptionKey | None = None,
    ) -> None:
        super().__init__(scope, id, description="The shop of Millrace")
        bus = Bus(self, "Bus", name="shop", encryption_key=encryption_key)
        warehouse = Warehouse(self, "Warehouse", bus=bus, removal=removal)
        orders = Orders(self, "Orders", bus=bus, removal=removal)
        Fulfilment(self, "Fulfilment", bus=bus, stock=warehouse.stock, removal=removal)
        loyalty = Loyalty(self, "Loyalty", bus=bus, removal=removal)
        Credit(self, "Credit", bus=bus, removal=removal)
        Notifications(self, "Notifications", bus=bus)
        door = Door(
            self,
            "Door",
            bus=bus,
            tables={"orders": orders.orders, "customers": orders.customers, "points": loyalty.points},
        )
        Dashboard(self, "Dashboard", bus=bus)
        CfnOutput(self, "BusName", value=bus.name)
        CfnOutput(self, "Endpoint", value=door.api.endpoint)
