from millrace.constructs import Processor, queue

BUS = {"concurrency_quota": 10}


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order", channel=queue(max_concurrency=5))
    Processor(stack, "ShipOrder", bus=bus, function="ship_order", channel=queue(max_concurrency=5))
