"""The sales context: the Lambda architecture, in a stack of its own."""

from aws_cdk import CfnOutput, RemovalPolicy, Stack
from constructs import Construct

from millrace.constructs import Api, BatchView, Bus, Processor, SpeedView
from millrace.constructs.bus.encryption import EncryptionKey


class Sales(Stack):
    """Sales by day: a speed view of completed orders, a nightly batch view, and a query that merges both."""

    def __init__(
        self,
        scope: Construct,
        id: str,  # noqa: A002 - CDK's own name
        *,
        bus: str,
        encryption_key: EncryptionKey | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
    ) -> None:
        protected = removal_policy != RemovalPolicy.DESTROY
        super().__init__(scope, id, description="The sales of the shop of Millrace", termination_protection=protected)
        own = Bus(self, "Bus", name=bus, encryption_key=encryption_key, existing=True)
        speed = SpeedView(self, "Speed", bus=own, removal_policy=removal_policy)
        Processor(self, "RecordSale", bus=own, function="record_sale", tables={"sales": speed})
        batch = BatchView(self, "Batch", bus=own, speed=speed, function="compute_sales", tolerated_failure_percentage=5)
        api = Api(self, "Api", bus=own, queries=["show_sales"], tables={"sales": batch})
        CfnOutput(self, "SalesEndpoint", value=api.endpoint)
