"""Processors and mediators through which large events pass."""

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb

from millrace.constructs import Bus, Mediator, Processor, direct, ordered

app = App(analytics_reporting=False)
stack = Stack(app, "Claims")
bus = Bus(stack, "Bus", name="claims")
seen = dynamodb.Table(
    stack,
    "Seen",
    partition_key=dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING),
    billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
    removal_policy=RemovalPolicy.DESTROY,
)
Processor(stack, "Straighten", bus=bus, function="straighten", tables={"seen": seen})
Processor(stack, "Recognise", bus=bus, function="recognise", channel=ordered(by="key"), tables={"seen": seen})
Processor(stack, "FileAway", bus=bus, function="file_away", channel=direct(), tables={"seen": seen})
Processor(stack, "Peep", bus=bus, function="peep")
Mediator(stack, "Book", bus=bus, steps=["set_pages", "draw_cover", "bind"])
app.synth()
