"""What the tests of EventBridge share: an empty local cloud, rules with queues as observers, and time that passes."""

import io
import json
import zipfile
from types import SimpleNamespace

import pytest
from bus_kit import ACCOUNT, ANYTHING, Site, entry, given, let_in, policy


@pytest.fixture
def local(empty_cloud):
    """A local cloud with nothing in it."""
    yield empty_cloud
    empty_cloud.reset()


@pytest.fixture
def events(local):
    return local.client("events")


@pytest.fixture
def send(local, events):
    """Put entries, each a detail or an entry, and wait until all is done; gives PutEvents' answer."""

    def send(*entries, settle=True):
        whole = [given if "Source" in given else entry(given) for given in entries]
        answer = events.put_events(Entries=whole)
        if settle:
            local.settle()
        return answer

    return send


@pytest.fixture
def queue(local):
    """Make a queue that EventBridge may send to: its ARN, and a function that takes its messages."""
    sqs = local.client("sqs")

    def make(name="observer", **attributes):
        attributes = given({"Policy": policy("sqs:SendMessage")} | attributes)
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
    """The ARN of a role in whose name EventBridge may do everything."""
    iam = local.client("iam")
    arn = iam.create_role(RoleName="rules", AssumeRolePolicyDocument=policy("sts:AssumeRole"))["Role"]["Arn"]
    iam.put_role_policy(RoleName="rules", PolicyName="all", PolicyDocument=policy("*", principal=None))
    return arn


@pytest.fixture
def topic(local):
    """Make a topic that EventBridge may publish to; gives its ARN."""

    def make(name="topic", **attributes):
        attributes = given({"Policy": policy("sns:Publish")} | attributes)
        return local.client("sns").create_topic(Name=name, Attributes=attributes)["TopicArn"]

    return make


@pytest.fixture
def rule(events, role_of_rules):
    """Make a rule with one target, in the name of a role where it takes one; gives the rule's ARN."""

    def make(arn, name="rule", pattern=None, bus="default", **target):
        if arn.split(":")[2] in ("events", "kinesis", "states"):
            target = {"RoleArn": role_of_rules} | target
        target = given(target)
        made = events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern or ANYTHING))["RuleArn"]
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn, **target}])
        return made

    return make


@pytest.fixture
def function(local):
    """Make a function that EventBridge may invoke, from its source; gives its ARN."""

    def make(source, name="observer", **settings):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("app.py", source)
        role = local.client("iam").create_role(RoleName=f"role-of-{name}", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        made = local.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=role,
            Handler="app.handler",
            Code={"ZipFile": packed.getvalue()},
            **settings,
        )
        let_in(local, name)
        return made["FunctionArn"]

    return make


@pytest.fixture
def pass_time(local):
    """Let so many seconds of the local cloud pass, and wait until all is done."""

    def pass_time(seconds):
        local.scheduler.after(seconds, lambda: None, "the test")
        local.settle()

    return pass_time


@pytest.fixture
def server(empty_cloud):
    """Serve HTTP on loopback; answers are given per path, in their order, the last again and again.

    An answer is a status, a JSON body and maybe headers, or None for none at all; another path gets 200.
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
    """Make an API destination with its connection: its ARN, and the requests that it got."""

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
