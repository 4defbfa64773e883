"""A shop, a ledger in another account, and the bus of a group in another account and region."""

from aws_cdk import App, Environment, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from functions.contracts.sales import Sold

from millrace.constructs import Bus, ExternalBus, ExternalQueue, Processor, Subscriber

OWN, GROUP = "123456789012", "111122223333"
app = App(analytics_reporting=False)

group = Stack(app, "Group", env=Environment(account=GROUP, region="eu-west-1"))
group_bus = Bus(group, "Bus", name="group")
group_bus.accept_from(OWN, [Sold])
books = dynamodb.Table(
    group,
    "Books",
    partition_key=dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING),
    billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
    removal_policy=RemovalPolicy.DESTROY,
)
Processor(group, "BookSale", bus=group_bus, function="book_sale", tables={"books": books})

accounting = Stack(app, "Accounting", env=Environment(account=GROUP, region="us-east-1"))
ledger = sqs.Queue(accounting, "Ledger", queue_name="ledger", enforce_ssl=True)
ledger.grant_send_messages(iam.AccountPrincipal(OWN))

shop = Stack(app, "Shop")
bus = Bus(shop, "Bus", name="shop")
subscribers = {
    "Group": ExternalBus(f"arn:aws:events:eu-west-1:{GROUP}:event-bus/group"),
    "Ledger": ExternalQueue(f"arn:aws:sqs:us-east-1:{GROUP}:ledger"),
}
for name, target in subscribers.items():
    Subscriber(shop, name, bus=bus, events=[Sold], target=target)
app.synth()
