"""A bank whose functions take lists of deposits: one appends to an event store, one adds up in a table."""

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb

from millrace.constructs import Bus, EventStore, Processor

app = App(analytics_reporting=False)
stack = Stack(app, "Bank")
bus = Bus(stack, "Bus", name="bank")
accounts = EventStore(stack, "Accounts", bus=bus, removal=RemovalPolicy.DESTROY)
totals = dynamodb.Table(
    stack,
    "Totals",
    partition_key=dynamodb.Attribute(name="account", type=dynamodb.AttributeType.STRING),
    billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
    removal_policy=RemovalPolicy.DESTROY,
)
Processor(stack, "PostDeposits", bus=bus, function="post_deposits", tables={"accounts": accounts})
Processor(stack, "CountDeposits", bus=bus, function="count_deposits", tables={"totals": totals})
app.synth()
