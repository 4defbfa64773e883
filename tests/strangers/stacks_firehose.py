"""Stacks with delivery streams of Amazon Data Firehose."""

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as log_destinations
from aws_cdk import aws_s3 as s3
from parts import function, output

UPPER = """
import base64

def handler(event, context):
    def result(record):
        data = base64.b64decode(record["data"])
        state = "ProcessingFailed" if b"bad" in data else "Ok"
        return {"recordId": record["recordId"], "result": state, "data": base64.b64encode(data.upper()).decode()}
    return {"records": [result(each) for each in event["records"]]}
"""


def _bucket(stack):
    bucket = s3.Bucket(stack, "Bucket", removal_policy=cdk.RemovalPolicy.DESTROY)
    output(stack, "Bucket", bucket.bucket_name)
    return bucket


def _stream(stack, destination, **settings):
    stream = firehose.DeliveryStream(stack, "Delivery", destination=destination, **settings)
    output(stack, "Delivery", stream.delivery_stream_name)
    return stream


def delivery_stream_to_bucket(stack):
    """A delivery stream transforms records by a function, and writes them compressed."""
    transform = function(stack, code=UPPER)
    destination = firehose.S3Bucket(
        _bucket(stack),
        buffering_interval=cdk.Duration.minutes(1),
        compression=firehose.Compression.GZIP,
        data_output_prefix="good/!{timestamp:yyyy/MM}/",
        error_output_prefix="bad/!{firehose:error-output-type}/",
        processor=firehose.LambdaFunctionProcessor(transform),
    )
    _stream(stack, destination)


def stream_to_delivery_stream(stack):
    """A delivery stream reads a Kinesis stream."""
    stream = kinesis.Stream(stack, "Stream", stream_mode=kinesis.StreamMode.PROVISIONED)
    output(stack, "Stream", stream.stream_name)
    _stream(stack, firehose.S3Bucket(_bucket(stack)), source=firehose.KinesisStreamSource(stream))


def rule_to_delivery_stream(stack):
    """A rule sends events to a delivery stream."""
    bus = events.EventBus(stack, "Bus")
    output(stack, "Bus", bus.event_bus_name)
    stream = _stream(stack, firehose.S3Bucket(_bucket(stack)))
    target = targets.FirehoseDeliveryStream(stream, message=events.RuleTargetInput.from_event_path("$.detail"))
    events.Rule(stack, "Rule", event_bus=bus, event_pattern=events.EventPattern(source=["shop"]), targets=[target])


def log_group_to_delivery_stream(stack):
    """A subscription filter sends log events to a delivery stream without constructs of CDK."""
    bucket, group = _bucket(stack), logs.LogGroup(stack, "Group", removal_policy=cdk.RemovalPolicy.DESTROY)
    output(stack, "Group", group.log_group_name)
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("firehose.amazonaws.com"))
    granted = bucket.grant_write(role)
    stream = firehose.CfnDeliveryStream(
        stack,
        "Delivery",
        s3_destination_configuration={"bucketArn": bucket.bucket_arn, "roleArn": role.role_arn, "prefix": "logs/"},
    )
    stream.node.add_dependency(granted)
    imported = firehose.DeliveryStream.from_delivery_stream_arn(stack, "Imported", stream.attr_arn)
    destination = log_destinations.FirehoseDestination(imported)
    logs.SubscriptionFilter(
        stack,
        "Filter",
        log_group=group,
        destination=destination,
        filter_pattern=logs.FilterPattern.any_term("ERROR"),
    )


FIREHOSE_STACKS = (
    delivery_stream_to_bucket,
    stream_to_delivery_stream,
    rule_to_delivery_stream,
    log_group_to_delivery_stream,
)
