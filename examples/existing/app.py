"""An app that uses what exists: a table, a queue, a topic, a secret and a parameter of other stacks, and S3 events."""

from aws_cdk import App, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ssm as ssm
from functions.contracts.photos import DayEnded, PhotoIndexed, PhotoUploaded

from millrace.constructs import (
    Bus,
    ExternalQueue,
    ExternalTopic,
    ObjectEvents,
    Processor,
    Schedule,
    Subscriber,
)

app = App(analytics_reporting=False)
stack = Stack(app, "Gallery")
bus = Bus(stack, "Bus", name="gallery")

uploads = s3.Bucket(stack, "Uploads", enforce_ssl=True, removal_policy=RemovalPolicy.DESTROY)
ObjectEvents(stack, "Photos", bus=bus, bucket=uploads, event=PhotoUploaded, prefix="photos/")

Processor(
    stack,
    "IndexPhoto",
    bus=bus,
    function="index_photo",
    tables={"index": dynamodb.Table.from_table_name(stack, "Index", "photo-index")},
    secrets={"SERVICE_KEY": secretsmanager.Secret.from_secret_name_v2(stack, "Key", "gallery/service")},
    parameters={
        "SERVICE_MODEL": ssm.StringParameter.from_string_parameter_name(stack, "Model", "/gallery/model"),
    },
)

Schedule(stack, "EndOfDay", bus=bus, event=DayEnded, cron="0 22 * * ? *", data={"report": "daily report"})
Processor(stack, "CloseDay", bus=bus, function="close_day")

partner = f"{stack.region}:{stack.account}"
Subscriber(stack, "Inbox", bus=bus, events=[PhotoIndexed], target=ExternalQueue(f"arn:aws:sqs:{partner}:partner-inbox"))
Subscriber(stack, "News", bus=bus, events=[PhotoIndexed], target=ExternalTopic(f"arn:aws:sns:{partner}:partner-news"))
app.synth()
