"""A small app of notes for the tests of APIs: one bus, and one API per kind of authorizer."""

from aws_cdk import App, CfnOutput, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb

from functions.contracts.notes import NoteArrived, NoteTorn, WriteNote
from millrace.constructs import Api, Bus, IamAuthorizer, JwtAuthorizer, Mediator, NoAuthorizer, Processor

TEXT = dynamodb.AttributeType.STRING


class NotesApi(Stack):
    def __init__(self, scope, name, issuer):
        super().__init__(scope, name)
        self.bus = Bus(self, "Bus", name="notes")
        self.notes = dynamodb.Table(
            self,
            "Notes",
            partition_key=dynamodb.Attribute(name="author", type=TEXT),
            sort_key=dynamodb.Attribute(name="note_id", type=TEXT),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=RemovalPolicy.DESTROY,
        )
        for function in ("write_note", "store_note"):
            Processor(self, function.title(), bus=self.bus, function=function, tables={"notes": self.notes})
        Mediator(self, "Repair", bus=self.bus, steps=["request_repair"], tables={"notes": self.notes})
        account = f"arn:aws:iam::{self.account}:root"
        self.api(
            "Signed", IamAuthorizer(), {"notes.post": [account], "notes.shredder": ["arn:aws:iam::*:user/shredder"]}
        )
        self.api("Tokens", JwtAuthorizer(issuer, ["notes-api"], scopes=["notes"]))
        self.api("Public", NoAuthorizer(reason="The tests call it without credentials."))

    def api(self, name, authorizer, callers=None):
        api = Api(
            self,
            name,
            bus=self.bus,
            commands=[WriteNote],
            queries=["find_note", "list_notes"],
            events=[NoteArrived, NoteTorn],
            callers=callers,
            authorizer=authorizer,
            tables={"notes": self.notes},
        )
        CfnOutput(self, f"{name}Endpoint", value=api.endpoint)


app = App(analytics_reporting=False)
NotesApi(app, "App", app.node.try_get_context("issuer"))
app.synth()
