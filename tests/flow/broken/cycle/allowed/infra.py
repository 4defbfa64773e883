from millrace.constructs import Processor, allow_cycle


def build(stack, bus):
    allowed = allow_cycle(reason="The second bill ends it: it is for the parcel.", max_hops=4)
    Processor(stack, "BillOrder", bus=bus, function="bill_order", allow_cycle=allowed)
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
