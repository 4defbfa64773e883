"""The warehouse context: the stock."""

from aws_cdk import RemovalPolicy
from constructs import Construct

from infra.tables import table
from millrace.constructs import Bus, Processor


class Warehouse(Construct):
    """Stores the stock and processes deliveries."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, removal_policy: RemovalPolicy) -> None:  # noqa: A002
        super().__init__(scope, id)
        self.stock = table(self, "Stock", key="sku", bus=bus, removal_policy=removal_policy)
        Processor(self, "ShelveStock", bus=bus, function="shelve_stock", tables={"stock": self.stock})
