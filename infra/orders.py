"""Orders: an event store, what takes orders in, and the views of orders and of customers."""

from aws_cdk import RemovalPolicy
from constructs import Construct

from millrace.constructs import Bus, EventStore, Processor, Projection


class Orders(Construct):
    """Each order is a stream of events; whoever wants to know of one reads those."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, removal: RemovalPolicy) -> None:  # noqa: A002
        super().__init__(scope, id)
        store = EventStore(self, "OrderStore", bus=bus, removal=removal)
        Processor(self, "PlaceOrder", bus=bus, function="place_order", tables={"orders": store})
        self.orders, self.customers = (
            Projection(self, name, bus=bus, function=function, stores=[store], removal=removal)
            for name, function in (("OrderView", "view_orders"), ("CustomerView", "view_customers"))
        )
