from millrace.constructs import Processor, direct


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order", channel=direct())
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
