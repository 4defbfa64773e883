"""The fulfilment context: a saga that completes or rejects a placed order."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from infra.tables import table
from millrace.constructs import Bus, Saga, SagaStep


class Fulfilment(Construct):
    """Reserves stock, charges the payment, ships, and checks the cargo; undoes these steps if one of them refuses."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: Bus,
        stock: dynamodb.ITable,
        breaches: dynamodb.ITable,
        removal_policy: RemovalPolicy,
    ) -> None:
        super().__init__(scope, id)
        payments = table(self, "Payments", key="order_id", bus=bus, removal_policy=removal_policy)
        Saga(
            self,
            "Fulfilment",
            bus=bus,
            steps=[
                SagaStep("reserve_stock", undo="release_stock"),
                SagaStep("charge_payment", undo="refund_payment"),
                SagaStep("arrange_shipping", nothing_to_undo="the carrier collects completed orders alone"),
                SagaStep("check_cargo", nothing_to_undo="it only reads"),
            ],
            completed="complete_order",
            rejected="reject_order",
            tables={"stock": stock, "payments": payments, "breaches": breaches},
        )
