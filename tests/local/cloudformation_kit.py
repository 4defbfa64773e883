"""CloudFormation's API in front of bare moto, called in process by boto3."""

import io
import json

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HeadersDict

from millrace.local.cloudformation.api import CloudFormation
from millrace.local.core.clock import Clock
from millrace.local.core.http import Request
from millrace.local.core.scheduler import Scheduler

NAME = "Shop"


class _Raw(io.BytesIO):
    def stream(self, **_):
        yield self.read()


def answering(service):
    """A boto3 client whose requests a service answers."""
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    client = session.client("cloudformation", endpoint_url="http://127.0.0.1:1")

    def send(request, **_):
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        answer = service.answer(Request(request.method, "/", "", headers, body))
        return AWSResponse(request.url, answer.status, HeadersDict(dict(answer.headers)), _Raw(answer.body))

    client.meta.events.register("before-send.cloudformation", send)
    return client


class Stacks:
    """A cloud in which stacks are made through the API; each call waits until it is done."""

    def __init__(self, bare, loader):
        self.bare = bare
        self.loader = loader
        self.scheduler = Scheduler(Clock())
        self.client = answering(CloudFormation(loader, self.scheduler))

    def wait(self):
        self.scheduler.settle(30)

    def change(self, body, name=NAME, **more):
        """Create a change set, and give its description."""
        kind = "UPDATE" if self.status(name) not in (None, "REVIEW_IN_PROGRESS") else "CREATE"
        given = {"StackName": name, "ChangeSetName": "one", "ChangeSetType": kind, "TemplateBody": json.dumps(body)}
        self.client.create_change_set(**{**given, **more})
        named = {"StackName": name, "ChangeSetName": more.get("ChangeSetName", "one")}
        return self.client.describe_change_set(**named)

    def deploy(self, body, name=NAME, **more):
        """Create and execute a change set; gives the stack's status."""
        made = self.change(body, name, **more)
        self.client.execute_change_set(ChangeSetName=made["ChangeSetId"])
        self.wait()
        self.client.delete_change_set(ChangeSetName=made["ChangeSetId"])
        return self.status(name)

    def delete(self, name=NAME, **more):
        self.client.delete_stack(StackName=name, **more)
        self.wait()
        return self.status(name)

    def status(self, name=NAME):
        """The status of the stack of a name; None if there is none."""
        found = self.client.list_stacks()["StackSummaries"]
        return next((each["StackStatus"] for each in found if name == each["StackName"] and not gone(each)), None)

    def stack(self, name=NAME):
        (found,) = self.client.describe_stacks(StackName=name)["Stacks"]
        return found

    def events(self, name=NAME):
        """The events, oldest first, as (logical id, status)."""
        found = reversed(self.client.describe_stack_events(StackName=name)["StackEvents"])
        return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in found]

    def queues(self):
        return [url.rsplit("/", 1)[-1] for url in self.bare.client("sqs").list_queues().get("QueueUrls", [])]


def gone(summary):
    return summary["StackStatus"] == "DELETE_COMPLETE"


def queue(**properties):
    return {"Type": "AWS::SQS::Queue", "Properties": properties}


def template(outputs=None, parameters=None, **resources):
    body = {"Resources": resources}
    if outputs:
        body["Outputs"] = outputs
    if parameters:
        body["Parameters"] = parameters
    return body


BROKEN = {
    "Type": "AWS::Events::Rule",
    "Properties": {"EventBusName": "nowhere", "EventPattern": {"source": ["x"]}},
    "DependsOn": "Queue",
}


@pytest.fixture
def stacks(bare, tmp_path):
    return Stacks(bare, bare.loader(tmp_path / "cache"))
