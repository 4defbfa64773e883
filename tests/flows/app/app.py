"""Channels, failure strategies and parallel steps. Functions fail if their events request it."""

from aws_cdk import App, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from functions.contracts.articles import PriceChanged

from millrace.constructs import (
    Bus,
    Changes,
    Mediator,
    Processor,
    acknowledge,
    broadcast,
    direct,
    fail_back,
    fail_fast,
    fail_over,
    fail_safe,
    fail_silent,
    fork,
    ordered,
    queue,
)


def table(stack, name, **more):
    return dynamodb.Table(
        stack,
        name,
        partition_key=dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        removal_policy=RemovalPolicy.DESTROY,
        **more,
    )


app = App(analytics_reporting=False)
stack = Stack(app, "Flows")
bus = Bus(stack, "Bus", name="flows")
Processor(
    stack,
    "KeepOrder",
    bus=bus,
    function="keep_order",
    channel=ordered(partition_key="key", shard_count=8, parallelization_factor=2, retry_attempts=2),
    tables={"seen": table(stack, "Seen")},
)
Processor(stack, "CallProvider", bus=bus, function="call_provider", tables={"provider": table(stack, "Provider")})
STRATEGIES = {
    "Kept": {},
    "FailFast": {"failure": fail_fast()},
    "FailOver": {"failure": fail_over("try_fallback")},
    "FailOverDirect": {"failure": fail_over("try_fallback"), "channel": direct()},
    "FailSafe": {"failure": fail_safe("try_fallback")},
    "FailSilent": {"failure": fail_silent()},
    "FailBack": {"failure": fail_back(redrive_interval=Duration.hours(1))},
}
for name, strategy in STRATEGIES.items():
    tables = {"tries": table(stack, f"{name}Tries")}
    processor = Processor(stack, name, bus=bus, function="try_it", tables=tables, **strategy)
    if name != "Kept":
        acknowledge(processor, "The tests compare strategies with one handler.", "double-delivery")
articles = table(stack, "Articles", stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES)
Changes(stack, "PriceChanges", bus=bus, table=articles, field="price_cents", event=PriceChanged)
Mediator(stack, "Forked", bus=bus, steps=[fork("offer_one", "offer_other"), "decide"])
Mediator(stack, "Broadcast", bus=bus, steps=[broadcast("offer_one", "offer_other"), "decide"])
Processor(stack, "Slow", bus=bus, function="slow_down", channel=queue(max_concurrency=2, batch_size=1))
Processor(stack, "Hurry", bus=bus, function="hurry")
app.synth()
