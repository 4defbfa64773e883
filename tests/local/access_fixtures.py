"""A role and functions that make calls in its name, for the tests of IAM."""

import io
import json
import zipfile

import pytest

ACCOUNT = "123456789012"
HANDLER = """
import boto3
from botocore.exceptions import ClientError

def handler(event, context):
    try:
        client = boto3.client(event["service"], **event.get("client", {}))
        getattr(client, event["operation"])(**event["arguments"])
    except ClientError as error:
        return error.response["Error"]

def whoami(event, context):
    answer = boto3.client("sts").get_caller_identity()
    return [answer["Arn"], answer["Account"], answer["UserId"].split(":")[1]]
"""


@pytest.fixture
def iam_local(empty_cloud):
    """A local cloud with a bus, a queue and a role."""
    empty_cloud.client("events").create_event_bus(Name="shop")
    empty_cloud.client("sqs").create_queue(QueueName="orders")
    empty_cloud.client("iam").create_role(RoleName="clerk", Path="/shop/", AssumeRolePolicyDocument="{}")
    yield empty_cloud
    empty_cloud.reset()


@pytest.fixture
def allow(iam_local):
    """Give the role a policy of these statements."""

    def allow(*statements, name="own"):
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam_local.client("iam").put_role_policy(RoleName="clerk", PolicyName=name, PolicyDocument=document)

    return allow


@pytest.fixture
def run(iam_local):
    """Make a function of the role, and give what invokes it."""

    def run(payload=None, handler="handler"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", HANDLER)
        role = f"arn:aws:iam::{ACCOUNT}:role/shop/clerk"
        client = iam_local.client("lambda")
        if handler not in [known["FunctionName"] for known in client.list_functions()["Functions"]]:
            code = {"ZipFile": packed.getvalue()}
            client.create_function(
                FunctionName=handler, Runtime="python3.13", Role=role, Handler=f"app.{handler}", Code=code, Timeout=20
            )
        return json.loads(client.invoke(FunctionName=handler, Payload=json.dumps(payload))["Payload"].read())

    return run


@pytest.fixture
def error_of(run):
    """What the function's call is refused with, or None."""
    return lambda service, operation, client=None, **arguments: run(
        {"service": service, "operation": operation, "arguments": arguments, "client": client or {}}
    )
