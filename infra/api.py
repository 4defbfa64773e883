"""The shop's door: what comes in over HTTP."""

from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from functions.contracts.orders import PlaceOrder
from functions.contracts.warehouse import StockDelivered
from millrace.constructs import Api, Bus


class Door(Construct):
    """Callers sign as IAM says: customers order and look up their points, suppliers tell of what they deliver."""

    def __init__(self, scope: Construct, id: str, *, bus: Bus, points: dynamodb.ITable) -> None:  # noqa: A002
        super().__init__(scope, id)
        self.api = Api(
            self,
            "Api",
            bus=bus,
            commands=[PlaceOrder],
            queries=["show_points"],
            events=[StockDelivered],
            tables={"points": points},
        )
