"""Fixtures for the tests of EventBridge."""

import json
from types import SimpleNamespace

import pytest
from bus_kit import ACCOUNT, ANYTHING, Site, allow_invoke, entry, packed, policy, without_none


@pytest.fixture
def local(empty_cloud):
    """Return an empty local cloud."""
    yield empty_cloud
    empty_cloud.reset()


@pytest.fixture
def events(local):
    return local.client("events")


@pytest.fixture
def send(local, events):
    """Put entries, given as details or entries, and settle; return the response of PutEvents."""

    def send(*entries, settle=True):
        whole = [each if "Source" in each else entry(each) for each in entries]
        answer = events.put_events(Entries=whole)
        if settle:
            local.settle()
        return answer

    return send


@pytest.fixture
def queue(local):
    """Create a queue that allows EventBridge to send; return its ARN and functions that receive its messages."""
    sqs = local.client("sqs")

    def make(name="observer", **attributes):
        attributes = without_none({"Policy": policy("sqs:SendMessage")} | attributes)
        url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

        def messages():
            found = []
            while batch := sqs.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
            ).get("Messages"):
                found += batch
                for message in batch:
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return found

        return SimpleNamespace(
            arn=f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}",
            url=url,
            messages=messages,
            bodies=lambda: [message["Body"] for message in messages()],
            events=lambda: [json.loads(message["Body"]) for message in messages()],
        )

    return make


@pytest.fixture
def role_of_rules(local):
    """Create a role that EventBridge can assume and that allows everything; return its ARN."""
    iam = local.client("iam")
    arn = iam.create_role(RoleName="rules", AssumeRolePolicyDocument=policy("sts:AssumeRole"))["Role"]["Arn"]
    iam.put_role_policy(RoleName="rules", PolicyName="all", PolicyDocument=policy("*", principal=None))
    return arn


@pytest.fixture
def topic(local):
    """Create a topic that allows EventBridge to publish; return its ARN."""

    def make(name="topic", **attributes):
        attributes = without_none({"Policy": policy("sns:Publish")} | attributes)
        return local.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]

    return make


@pytest.fixture
def rule(events, role_of_rules):
    """Create a rule with one target, with a role if the target requires one; return the rule's ARN."""

    def make(arn, name="rule", pattern=None, bus="default", **target):
        if arn.split(":")[2] in ("events", "kinesis", "states"):
            target = {"RoleArn": role_of_rules} | target
        target = without_none(target)
        made = events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern or ANYTHING))["RuleArn"]
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn, **target}])
        return made

    return make


@pytest.fixture
def function(local):
    """Create a function that allows EventBridge to invoke it; return its ARN."""

    def make(source, name="observer", **settings):
        role = local.client("iam").create_role(RoleName=f"role-of-{name}", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        made = local.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": packed(source)},
            **settings,
        )
        allow_invoke(local, name)
        return made["FunctionArn"]

    return make


@pytest.fixture
def pass_time(local):
    """Advance the clock by seconds, and settle."""

    def pass_time(seconds):
        local.scheduler.after(seconds, lambda: None, "the test")
        local.settle()

    return pass_time


@pytest.fixture
def server(empty_cloud):
    """Serve HTTP on loopback with responses by path, in order; the last one repeats.

    A response is a status, a JSON body and optional headers, or None to never respond. Other paths return 200.
    """
    opened = []

    def serve(answers):
        site = Site(answers, empty_cloud.scheduler.clock.now)
        opened.append(site)
        return site

    yield serve
    for site in opened:
        site.close()


@pytest.fixture
def endpoint(events, server):
    """Create an API destination with its connection; return its ARN and the requests that it received."""

    def make(status=200, *, kind="API_KEY", auth=None, path="/hook", rate=300, site=None, url=None):
        site = site or server({path: [(status, {})]})
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "key"}}
        connection = events.create_connection(Name="connection", AuthorizationType=kind, AuthParameters=auth or key)
        made = events.create_api_destination(
            Name="destination",
            ConnectionArn=connection["ConnectionArn"],
            InvocationEndpoint=url or f"{site.url}{path}",
            HttpMethod="POST",
            InvocationRateLimitPerSecond=rate,
        )
        return SimpleNamespace(arn=made["ApiDestinationArn"], requests=site.requests)

    return make
