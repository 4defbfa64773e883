"""A bank whose functions take lists of deposits: one appends to an event store, one adds up in a table."""

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb

from millrace.constructs import Bus, EventStore, Processor, staged


def table(name, key):
    return dynamodb.Table(
        stack,
        name,
        partition_key=dynamodb.Attribute(name=key, type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        removal_policy=RemovalPolicy.DESTROY,
    )


app = App(analytics_reporting=False)
stack = Stack(app, staged(app, "Bank"))
bus = Bus(stack, "Bus", name="bank")
accounts = EventStore(stack, "Accounts", bus=bus, removal_policy=RemovalPolicy.DESTROY)
tried, totals = table("Tried", "deposit_id"), table("Totals", "account")
tables = {"accounts": accounts, "tried": tried}
Processor(stack, "PostDeposits", bus=bus, function="post_deposits", tables=tables)
Processor(stack, "CountDeposits", bus=bus, function="count_deposits", tables={"totals": totals})
app.synth()
