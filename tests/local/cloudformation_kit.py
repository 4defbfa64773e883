"""CloudFormation's API in front of a moto server, called in process by boto3."""

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


def client_of(service):
    """Return a boto3 client whose requests a service answers."""
    session = boto3.Session(aws_access_key_id="x", aws_secret_access_key="x", region_name="us-east-1")
    client = session.client("cloudformation", endpoint_url="http://127.0.0.1:1")

    def send(request, **_):
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        answer = service.respond(Request(request.method, "/", "", headers, body))
        return AWSResponse(request.url, answer.status, HeadersDict(dict(answer.headers)), _Raw(answer.body))

    client.meta.events.register("before-send.cloudformation", send)
    return client


class Stacks:
    """Stacks that are created through the API; each call waits for its end."""

    def __init__(self, bare, deployer):
        self.bare = bare
        self.deployer = deployer
        self.scheduler = Scheduler(Clock())
        self.client = client_of(CloudFormation(deployer, self.scheduler))

    def wait(self):
        self.scheduler.settle(30)

    def change(self, body, name=NAME, **more):
        """Create a change set and return its description."""
        kind = "UPDATE" if self.status(name) not in (None, "REVIEW_IN_PROGRESS") else "CREATE"
        request = {"StackName": name, "ChangeSetName": "one", "ChangeSetType": kind, "TemplateBody": json.dumps(body)}
        self.client.create_change_set(**{**request, **more})
        return self.client.describe_change_set(StackName=name, ChangeSetName=more.get("ChangeSetName", "one"))

    def deploy(self, body, name=NAME, **more):
        """Create and execute a change set; return the stack's status."""
        change_set = self.change(body, name, **more)
        self.client.execute_change_set(ChangeSetName=change_set["ChangeSetId"])
        self.wait()
        self.client.delete_change_set(ChangeSetName=change_set["ChangeSetId"])
        return self.status(name)

    def delete(self, name=NAME, **more):
        self.client.delete_stack(StackName=name, **more)
        self.wait()
        return self.status(name)

    def status(self, name=NAME):
        """Return the status of an existing stack; None for a deleted or unknown one."""
        found = self.client.list_stacks()["StackSummaries"]
        return next((each["StackStatus"] for each in found if name == each["StackName"] and not is_deleted(each)), None)

    def stack(self, name=NAME):
        (found,) = self.client.describe_stacks(StackName=name)["Stacks"]
        return found

    def events(self, name=NAME):
        """Return the events, oldest first, as (logical id, status)."""
        found = reversed(self.client.describe_stack_events(StackName=name)["StackEvents"])
        return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in found]

    def queues(self):
        return [url.rsplit("/", 1)[-1] for url in self.bare.client("sqs").list_queues().get("QueueUrls", [])]


def is_deleted(summary):
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
    "Properties": {"EventBusName": "missing", "EventPattern": {"source": ["x"]}},
    "DependsOn": "Queue",
}


@pytest.fixture
def stacks(bare, tmp_path):
    return Stacks(bare, bare.deployer(tmp_path / "cache"))
