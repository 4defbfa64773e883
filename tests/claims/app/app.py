"""Processors, mediators, stores and an API through which large events pass."""

from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from functions.contracts.files import KeepFile, PaperChanged
from functions.contracts.scans import Scanned

from millrace.constructs import (
    Api,
    Bus,
    Changes,
    EventStore,
    Mediator,
    NoAuthorizer,
    Processor,
    Projection,
    direct,
    ordered,
)


def table(name, **more):
    return dynamodb.Table(
        stack,
        name,
        partition_key=dynamodb.Attribute(name="key", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        removal_policy=RemovalPolicy.DESTROY,
        **more,
    )


app = App(analytics_reporting=False)
stack = Stack(app, "Claims")
bus = Bus(stack, "Bus", name="claims")
seen = table("Seen")
Processor(stack, "Straighten", bus=bus, function="straighten", tables={"seen": seen})
Processor(
    stack, "Recognise", bus=bus, function="recognise", channel=ordered(partition_key="key"), tables={"seen": seen}
)
Processor(stack, "FileAway", bus=bus, function="file_away", channel=direct(), tables={"seen": seen})
Processor(stack, "Peep", bus=bus, function="peep")
Mediator(stack, "Book", bus=bus, steps=["set_pages", "draw_cover", "bind"])
files = EventStore(stack, "Files", bus=bus, removal_policy=RemovalPolicy.DESTROY)
Processor(stack, "KeepFile", bus=bus, function="keep_file", tables={"files": files})
Projection(stack, "ShowFile", bus=bus, function="show_file", stores=[files], removal_policy=RemovalPolicy.DESTROY)
papers = table("Papers", stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES)
Changes(stack, "PaperChanges", bus=bus, table=papers, field="content", event=PaperChanged)
Processor(stack, "NotePaper", bus=bus, function="note_paper", tables={"seen": seen})
api = Api(
    stack,
    "Api",
    bus=bus,
    commands=[KeepFile],
    events=[Scanned],
    authorizer=NoAuthorizer(reason="The tests send unsigned requests."),
)
CfnOutput(stack, "Endpoint", value=api.endpoint)
app.synth()
