"""The stack of the shop, which connects its contexts."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from constructs import Construct

from infra.api import PublicApi
from infra.credit import Credit
from infra.fulfilment import Fulfilment
from infra.loyalty import Loyalty
from infra.notifications import Notifications
from infra.orders import Orders
from infra.warehouse import Warehouse
from millrace.constructs import Bus, Dashboard
from millrace.constructs.bus.encryption import EncryptionKey


class Shop(Stack):
    """All contexts on one bus. `removal_policy` applies to the tables; if they are retained, the stack is protected."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        encryption_key: EncryptionKey | None = None,
    ) -> None:
        protected = removal_policy != RemovalPolicy.DESTROY
        super().__init__(scope, id, description="The shop of Millrace", termination_protection=protected)
        bus = Bus(self, "Bus", name="shop", encryption_key=encryption_key)
        warehouse = Warehouse(self, "Warehouse", bus=bus, removal_policy=removal_policy)
        orders = Orders(self, "Orders", bus=bus, removal_policy=removal_policy)
        Fulfilment(self, "Fulfilment", bus=bus, stock=warehouse.stock, removal_policy=removal_policy)
        loyalty = Loyalty(self, "Loyalty", bus=bus, removal_policy=removal_policy)
        Credit(self, "Credit", bus=bus, removal_policy=removal_policy)
        Notifications(self, "Notifications", bus=bus)
        api = PublicApi(
            self,
            "PublicApi",
            bus=bus,
            tables={"orders": orders.orders, "customers": orders.customers, "points": loyalty.points},
        )
        Dashboard(self, "Dashboard", bus=bus)
        CfnOutput(self, "BusName", value=bus.name)
        CfnOutput(self, "Endpoint", value=api.api.endpoint)
