"""Event stores, projections, and change notification."""

import re

import pytest

from millrace.constructs import ChangeMappingError, Changes, EventStore, MissingTableError, Processor, Projection
from millrace.events import Event


class Opened(Event, source="test.valve"):
    pass


class Measured(Event, source="test.sensor"):
    value: int


@pytest.fixture
def store(stack, bus):
    store = EventStore(stack, "Store", bus=bus)
    Processor(stack, "PlaceOrder", bus=bus, function="place_order", tables={"orders": store})
    return store


def raises(error, message):
    return pytest.raises(error, match=re.escape(message))


def test_table_of_the_wrong_type_raises(stack, bus, store, table):
    with raises(MissingTableError, "takes 'orders' of type EventStore, but Processor Test/P passes Table: pass"):
        Processor(stack, "P", bus=bus, function="place_order", tables={"orders": table})
    with raises(MissingTableError, "takes 'points' of type Table, but Processor Test/Q passes EventStore: pass"):
        Processor(stack, "Q", bus=bus, function="award_points", tables={"points": store})


def test_relay_may_publish_the_events_of_the_aggregates_and_only_update_items(stack, store, synthesised):
    template = synthesised()
    statements = template.statements(template.function("relay_store"))
    (publish,) = [s for s in statements if s["Action"] == "events:PutEvents"]
    actions = {
        action for s in statements for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }
    assert publish["Condition"]["ForAllValues:StringEquals"]["events:detail-type"] == ["OrderPlaced"]
    assert "dynamodb:UpdateItem" in actions
    assert not {"dynamodb:PutItem", "dynamodb:DeleteItem"} & actions


def test_projection_without_the_store_of_its_events_fails_the_synth(stack, bus, store, app):
    Projection(stack, "Views", bus=bus, function="view_orders")
    with pytest.raises(Exception, match="Test/Views takes OrderPlaced, which is appended to Test/Store"):
        app.synth()


@pytest.mark.parametrize(
    ("event", "with_images", "message"),
    [
        (Opened, True, "publishes changes of 'value', but Opened has neither 'value' nor 'old_value'"),
        (Measured, False, "the table needs stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES"),
    ],
)
def test_event_or_table_that_cannot_describe_a_change_raises(stack, bus, event, with_images, message):
    from aws_cdk import aws_dynamodb as dynamodb

    key = dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING)
    view = dynamodb.StreamViewType.NEW_AND_OLD_IMAGES if with_images else None
    sensors = dynamodb.Table(stack, "Sensors", partition_key=key, stream=view)
    with raises(ChangeMappingError, message):
        Changes(stack, "Changes", bus=bus, table=sensors, field="value", event=event)
