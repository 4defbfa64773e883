from millrace.constructs import Processor

PRICES = "x" * 350


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order", environment={"PRICES": PRICES})
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
