from aws_cdk import Duration

from millrace.constructs import Processor, direct


def build(stack, bus):
    slow = Duration.minutes(2)
    Processor(stack, "BillOrder", bus=bus, function="bill_order", channel=direct(), timeout=slow)
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
