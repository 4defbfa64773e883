from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets

from millrace.constructs import Processor, direct


def build(stack, bus):
    bill = Processor(stack, "BillOrder", bus=bus, function="bill_order", channel=direct())
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
    target = targets.LambdaFunction(bill.function, dead_letter_queue=bill.dead_letters)
    web = events.EventPattern(source=["demo.web"])
    events.Rule(stack, "FromTheWeb", event_bus=bus.event_bus, event_pattern=web, targets=[target])
