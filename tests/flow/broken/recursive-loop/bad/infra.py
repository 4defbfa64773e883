from aws_cdk import Duration
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs

from millrace.constructs import Processor


def build(stack, bus):
    bill = Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
    dead_letters = sqs.DeadLetterQueue(queue=bill.dead_letters, max_receive_count=5)
    later = sqs.Queue(stack, "Later", dead_letter_queue=dead_letters, visibility_timeout=Duration.seconds(180))
    bill.function.add_event_source(sources.SqsEventSource(later, report_batch_item_failures=True))
    later.grant_send_messages(bill.function)
