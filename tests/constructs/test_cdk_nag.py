"""cdk-nag reports no unacknowledged finding for any construct, with and without a customer managed key."""

import pytest

from functions.contracts.loyalty import TierUpgraded
from functions.contracts.warehouse import StockDelivered
from millrace.constructs import (
    Api,
    BatchView,
    Bus,
    Dashboard,
    EventStore,
    ExternalQueue,
    Mediator,
    Processor,
    Projection,
    SpeedView,
    StreamProcessor,
    Subscriber,
    Webhook,
    direct,
    fail_back,
    fail_fast,
    fail_over,
    fail_silent,
    fork,
    kafka,
    kinesis,
    ordered,
    queue,
)

ELSEWHERE = "arn:aws:sqs:eu-central-1:111122223333:theirs"

CHANNELS = {
    "Queued": queue(),
    "Direct": direct(),
    "Bounded": direct(reserved_concurrent_executions=3),
    "Ordered": ordered(partition_key="customer_id"),
}

SOURCES = {
    "Stream": kinesis(),
    "Fanned": kinesis(enhanced_fan_out=True),
    "Msk": kafka("lines", consumer_group="g", cluster_arn="arn:aws:kafka:us-east-1:111122223333:cluster/c/1"),
    "Own": kafka("lines", consumer_group="g", bootstrap_servers=["broker.example.com:9092"]),
}

STRATEGIES = {"Fast": fail_fast(), "Over": fail_over("upgrade_tier"), "Silent": fail_silent(), "Back": fail_back()}


@pytest.mark.parametrize("key", [None, "create"])
def test_cdk_nag_finds_nothing_in_any_construct(app, stack, key, monkeypatch):
    from cdk_nag import AwsSolutionsChecks, ServerlessChecks

    monkeypatch.setattr("millrace.constructs.function.layer.own_requirements", lambda _: [])
    bus = Bus(stack, "Bus", name="test", encryption_key=key, log_events=True, alarm_topic="ops@example.com")
    for name, channel in CHANNELS.items():
        Processor(stack, name, bus=bus, function="upgrade_tier", channel=channel)
    store = EventStore(stack, "Store", bus=bus)
    Processor(stack, "Placed", bus=bus, function="place_order", tables={"orders": store})
    Projection(stack, "Views", bus=bus, function="view_orders", stores=[store])
    speed = SpeedView(stack, "Speed", bus=bus)
    Processor(stack, "Record", bus=bus, function="record_sale", tables={"sales": speed})
    BatchView(stack, "Batch", bus=bus, speed=speed, function="compute_sales")
    Subscriber(stack, "Hook", bus=bus, events=[TierUpgraded], target=Webhook("https://example.com/hook"))
    Subscriber(stack, "Theirs", bus=bus, events=[TierUpgraded], target=ExternalQueue(ELSEWHERE))
    Dashboard(stack, "Dashboard", bus=bus)
    for name, failure in STRATEGIES.items():
        Processor(stack, name, bus=bus, function="upgrade_tier", failure=failure)
    Processor(stack, "Guarded", bus=bus, function="notify_by_mail", failure=fail_over("notify_by_post"))
    Mediator(stack, "Forked", bus=bus, steps=[fork("arrange_shipping", "reject_order")])
    Mediator(stack, "Mediator", bus=bus, steps=["arrange_shipping"])
    Api(stack, "Api", bus=bus, events=[StockDelivered])
    for name, source in SOURCES.items():
        StreamProcessor(stack, name, bus=bus, function="watch_access", source=source)
    app.synth()
    for pack in (AwsSolutionsChecks(app), ServerlessChecks(app)):
        violations = pack.validate_scope(app).violations
        assert [(v.rule_name, r.construct_path) for v in violations for r in v.violating_resources] == []
