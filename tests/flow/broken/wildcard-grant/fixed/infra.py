from aws_cdk import aws_iam as iam

from millrace.constructs import Processor


def build(stack, bus):
    bill = Processor(stack, "BillOrder", bus=bus, function="bill_order")
    Processor(stack, "ShipOrder", bus=bus, function="ship_order")
    rates = stack.format_arn(service="ssm", resource="parameter", resource_name="rates")
    bill.function.add_to_role_policy(iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[rates]))
