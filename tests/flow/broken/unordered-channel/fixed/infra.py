from millrace.constructs import Processor, ordered


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order", channel=ordered(partition_key="order_id"))
