from millrace.constructs import Mediator


def build(stack, bus):
    Mediator(stack, "Delivery", bus=bus, steps=["book_courier"])
