from aws_cdk import aws_kinesis as kinesis

from millrace.constructs import Processor


def build(stack, bus):
    Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
    kinesis.Stream(stack, "Clicks", encryption=kinesis.StreamEncryption.MANAGED)
