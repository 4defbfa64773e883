from aws_cdk import Duration

from millrace.constructs import Processor

BUS = {"idempotency_window": Duration.days(20)}


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
