from millrace.constructs import Processor

BUS = {"concurrency_quota": 10}


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
