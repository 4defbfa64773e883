from millrace.constructs import Api, Mediator


def build(stack, bus):
    Mediator(stack, "Delivery", bus=bus, steps=["book_courier"])
    Api(stack, "Api", bus=bus)
