"""The stack of the shop. It only joins."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from constructs import Construct

from infra.credit import Credit
from infra.fulfilment import Fulfilment
from infra.loyalty import Loyalty
from infra.warehouse import Warehouse
from millrace.constructs import Bus


class Shop(Stack):
    """All contexts on one bus. `removal` says what becomes of the tables when the stack goes."""

    def __init__(self, scope: Construct, id: str, *, removal: RemovalPolicy) -> None:  # noqa: A002
        super().__init__(scope, id, description="The shop of Millrace")
        bus = Bus(self, "Bus", name="shop")
        warehouse = Warehouse(self, "Warehouse", bus=bus, removal=removal)
        Fulfilment(self, "Fulfilment", bus=bus, stock=warehouse.stock, removal=removal)
        Loyalty(self, "Loyalty", bus=bus, removal=removal)
        Credit(self, "Credit", bus=bus, removal=removal)
        CfnOutput(self, "BusName", value=bus.name)
