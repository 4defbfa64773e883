from millrace.constructs import Processor, acknowledge


def build(stack, bus):
    bill = Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
    acknowledge(bill, "A second bill does no harm.", "short-visibility")
