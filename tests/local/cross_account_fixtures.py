"""Queues and buses of other accounts and regions, and a rule that sends events to them."""

import json
from types import SimpleNamespace

import pytest
from bus_kit import ACCOUNT, OTHER, REGION, attributes, policy, policy_for, received


@pytest.fixture
def queue_of(local):
    """Create a queue of an account, and return its ARN and a function that receives its events."""

    def queue_of(account=OTHER, region=REGION, name="theirs", **policy):
        sqs = local.client("sqs", account=account, region=region)
        url = sqs.create_queue(QueueName=name, Attributes=policy)["QueueUrl"]
        return SimpleNamespace(arn=f"arn:aws:sqs:{region}:{account}:{name}", events=lambda: received(sqs, url))

    return queue_of


@pytest.fixture
def bus_of(local):
    """Create a bus that allows an account to put events; return its ARN and a function that receives them."""

    def bus_of(account=OTHER, region=REGION, name="theirs", *, allowed=ACCOUNT, pattern=None, **condition):
        events = local.client("events", account=account, region=region)
        sqs = local.client("sqs", account=account, region=region)
        arn = events.create_event_bus(Name=name)["EventBusArn"]
        if allowed:
            document = policy_for(f"arn:aws:iam::{allowed}:root", "events:PutEvents", arn, **condition)
            events.put_permission(EventBusName=name, Policy=document)
        settings = {"QueueName": f"behind-{name}", "Attributes": {"Policy": policy("sqs:SendMessage")}}
        url = sqs.create_queue(**settings)["QueueUrl"]
        events.put_rule(Name="all", EventBusName=name, EventPattern=json.dumps(pattern or {"source": [{"prefix": ""}]}))
        behind = f"arn:aws:sqs:{region}:{account}:behind-{name}"
        events.put_targets(Rule="all", EventBusName=name, Targets=[{"Id": "1", "Arn": behind}])
        return SimpleNamespace(arn=arn, events=lambda: received(sqs, url))

    return bus_of


@pytest.fixture
def dead(queue):
    """Create the dead-letter queue of a rule; `codes` returns the error codes of its messages."""
    created = queue("dead")
    created.codes = lambda: [attributes(message)["ERROR_CODE"] for message in created.messages()]
    return created


@pytest.fixture
def forward(rule, dead):
    """Create a rule that sends every event to a target."""
    return lambda arn, **target: rule(arn, DeadLetterConfig={"Arn": dead.arn}, **target)
