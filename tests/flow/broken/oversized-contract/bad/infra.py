from millrace.constructs import Processor

BUS = {"claim_check_threshold": None}


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
