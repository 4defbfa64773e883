from aws_cdk import aws_events as events

from millrace.constructs import Processor


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
    statement = {
        "Sid": "Web",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "events:PutEvents",
        "Resource": bus.event_bus.event_bus_arn,
        "Condition": {"StringEquals": {"events:source": "demo.web"}},
    }
    events.CfnEventBusPolicy(stack, "Web", event_bus_name=bus.name, statement_id="Web", statement=statement)
