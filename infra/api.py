"""The HTTP API of the shop."""

from constructs import Construct

from functions.contracts.orders import PlaceOrder
from functions.contracts.warehouse import StockDelivered
from millrace.constructs import Api, Bus
from millrace.constructs.stores.tables import Tables


class PublicApi(Construct):
    """Customers place orders and query them; suppliers report deliveries. IAM authorizes callers."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, tables: Tables) -> None:  # noqa: A002 - CDK's own name
        super().__init__(scope, id)
        self.api = Api(
            self,
            "Api",
            bus=bus,
            commands=[PlaceOrder],
            queries=["show_order", "list_orders", "show_customer", "show_points"],
            events=[StockDelivered],
            tables=tables,
        )
