"""The stack of the supplier."""

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from constructs import Construct

from functions.contracts.shop import OrderCompleted
from millrace.constructs import Bus, Processor, Subscriber, Webhook


class Supplier(Stack):
    """Counts the completed orders of the shop and, with a `webhook`, sends each one to it."""

    def __init__(self, scope: Construct, id: str, *, webhook: str | None) -> None:  # noqa: A002 - CDK's own name
        super().__init__(scope, id, description="A supplier of the shop")
        bus = Bus(self, "Bus", name="shop", existing=True)
        sales = dynamodb.Table(
            self,
            "Sales",
            partition_key=dynamodb.Attribute(name="customer_id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=RemovalPolicy.DESTROY,
        )
        Processor(self, "CountSold", bus=bus, function="count_sold", tables={"sales": sales})
        if webhook:
            Subscriber(self, "Office", bus=bus, events=[OrderCompleted], target=Webhook(webhook))
