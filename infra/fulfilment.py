"""Fulfilment: a saga from the placed order to the completed or the rejected one."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.tables import table
from millrace.constructs import Bus, Saga, SagaStep


class Fulfilment(Construct):
    """Reserves, charges and ships; and undoes what was done where one of them says no."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        stock: dynamodb.ITable,
        removal: RemovalPolicy,
    ) -> None:
        super().__init__(scope, id)
        payments = table(self, "Payments", key="order_id", bus=bus, removal=removal)
        Saga(
            self,
            "Fulfilment",
            bus=bus,
            steps=[
                SagaStep("reserve_stock", undo="release_stock"),
                SagaStep("charge_payment", undo="refund_payment"),
                SagaStep("arrange_shipping", nothing_to_undo="the carrier collects completed orders alone"),
            ],
            completed="complete_order",
            rejected="reject_order",
            tables={"stock": stock, "payments": payments},
        )
