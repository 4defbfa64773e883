from millrace.constructs import Processor, allow_cycle

BUS = {"max_hops": 8}


def build(stack, bus):
    allowed = allow_cycle(reason="Each parcel is billed once more.", max_hops=8)
    Processor(stack, "BillOrder", bus=bus, function="bill_order", allow_cycle=allowed)
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
