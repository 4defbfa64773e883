from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_sqs as sqs

from millrace.constructs import Processor


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
    dead_letters = sqs.Queue(stack, "DeadLetters", retention_period=Duration.days(14))
    large = sqs.Queue(stack, "Large")
    big = {"total_cents": [{"numeric": [">", 100_000]}]}
    pattern = events.EventPattern(source=["demo.web"], detail_type=["OrderPlaced"], detail={"data": big})
    target = targets.SqsQueue(large, dead_letter_queue=dead_letters)
    events.Rule(stack, "LargeOrders", event_bus=bus.event_bus, event_pattern=pattern, targets=[target])
