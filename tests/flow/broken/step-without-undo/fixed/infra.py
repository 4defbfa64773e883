from millrace.constructs import Saga, SagaStep


def build(stack, bus):
    steps = [SagaStep("charge_card", undo="refund_card")]
    Saga(stack, "Sale", bus=bus, steps=steps, completed="hand_over", rejected="reject_order")
