"""The orders context: an event store, a processor for commands, and read models of orders and customers."""

from aws_cdk import RemovalPolicy
from constructs import Construct

from millrace.constructs import Bus, EventStore, Processor, Projection


class Orders(Construct):
    """Each order is a stream of events in the event store."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, removal_policy: RemovalPolicy) -> None:  # noqa: A002
        super().__init__(scope, id)
        store = EventStore(self, "OrderStore", bus=bus, removal_policy=removal_policy)
        Processor(self, "PlaceOrder", bus=bus, function="place_order", tables={"orders": store})
        self.orders, self.customers = (
            Projection(self, name, bus=bus, function=function, stores=[store], removal_policy=removal_policy)
            for name, function in (("OrderView", "view_orders"), ("CustomerView", "view_customers"))
        )
