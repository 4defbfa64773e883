"""The channels and strategies of the kit, each with functions that fail as their events ask."""

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb

from millrace.constructs import Bus, Processor, ordered


def table(stack, name):
    return dynamodb.Table(
        stack,
        name,
        partition_key=dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        removal_policy=RemovalPolicy.DESTROY,
    )


app = App(analytics_reporting=False)
stack = Stack(app, "Flows")
bus = Bus(stack, "Bus", name="flows")
Processor(
    stack,
    "KeepOrder",
    bus=bus,
    function="keep_order",
    channel=ordered(by="key", shards=8, lanes=2, retry_attempts=2),
    tables={"seen": table(stack, "Seen")},
)
Processor(stack, "AskProvider", bus=bus, function="ask_provider", tables={"provider": table(stack, "Provider")})
app.synth()
