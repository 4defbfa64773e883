"""Permissions of rules: resource policies, key policies and execution roles."""

import json

import pytest
from bus_kit import ACCOUNT, allow_invoke, attributes, policy

from millrace.local.services.iam import Iam

pytest_plugins = ["bus_fixtures"]

RULE = f"arn:aws:events:us-east-1:{ACCOUNT}:rule/rule"
LOG_GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/events/observer:*"
BY_POLICY = ("lambda", "logs", "sns", "sqs")
CODE = "def handler(event, context): pass\n"


@pytest.fixture
def target(local, queue, topic, function):
    """Create a target of a service; without a rule, its policy allows none."""

    def log_group(rule):
        local.client("logs").create_log_group(logGroupName="/aws/events/observer")
        if rule:
            document = policy("logs:CreateLogStream", "logs:PutLogEvents", resource=LOG_GROUP, rule=rule)
            local.client("logs").put_resource_policy(policyName="rules", policyDocument=document)
        return LOG_GROUP

    def permitted(rule):
        arn = function(CODE, "denied")
        local.client("lambda").remove_permission(FunctionName="denied", StatementId="events")
        if rule:
            allow_invoke(local, "denied", rule)
        return arn

    made = {
        "lambda": permitted,
        "logs": log_group,
        "sns": lambda rule: topic("topic", Policy=policy("sns:Publish", rule=rule) if rule else None),
        "sqs": lambda rule: queue("queue", Policy=policy("sqs:SendMessage", rule=rule) if rule else None).arn,
    }
    return lambda service, rule=None: made[service](rule)


@pytest.fixture
def refusal(send, queue, rule):
    """Deliver an event to a target, and return the error code and message of the dead letter, or None."""

    def refusal(arn, **target):
        dead = queue("dead")
        rule(arn, DeadLetterConfig={"Arn": dead.arn}, **target)
        send({"n": 1})
        errors = [attributes(message) for message in dead.messages()]
        return (errors[0]["ERROR_CODE"], errors[0]["ERROR_MESSAGE"]) if errors else None

    return refusal


@pytest.mark.parametrize("service", BY_POLICY)
def test_target_without_policy_denies_rules(target, refusal, service):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"""
    code, message = refusal(target(service))
    assert code == "NO_PERMISSIONS"
    assert RULE in message


@pytest.mark.parametrize("service", BY_POLICY)
def test_target_policy_for_another_rule_denies(target, refusal, service):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"""
    assert refusal(target(service, f"{RULE}-2"))[0] == "NO_PERMISSIONS"


@pytest.mark.parametrize("service", BY_POLICY)
def test_target_policy_for_the_rule_allows(target, refusal, service):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"""
    assert refusal(target(service, RULE)) is None


def test_later_policy_applies_to_later_events(local, send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions"""
    observer = queue(Policy=None)
    rule(observer.arn)
    send({"n": 1})
    document = policy("sqs:SendMessage", rule=RULE)
    local.client("sqs").set_queue_attributes(QueueUrl=observer.url, Attributes={"Policy": document})
    send({"n": 2})
    assert [event["detail"] for event in observer.events()] == [{"n": 2}]


def test_dead_letter_queue_without_policy_receives_nothing(local, send, queue, rule):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html#eb-dlq-perms"""
    dead = queue("dead", Policy=None)
    rule(f"arn:aws:sqs:us-east-1:{ACCOUNT}:deleted", DeadLetterConfig={"Arn": dead.arn})
    event_id = send({})["Entries"][0]["EventId"]
    assert dead.messages() == []
    assert any("lost: No policy of" in error for error in local.trace(event_id).errors())


@pytest.fixture
def key(local):
    """Create a customer managed key that allows EventBridge some actions, and return its id."""
    own = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}

    def make(*actions):
        statements = [own, *(json.loads(policy(*actions, rule=RULE))["Statement"] if actions else ())]
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        return local.client("kms").create_key(Policy=document)["KeyMetadata"]["KeyId"]

    return make


@pytest.mark.parametrize("allowed", [(), ("kms:GenerateDataKey",), ("kms:Decrypt",)])
def test_encrypted_queue_denies_unless_key_policy_allows_eventbridge(local, queue, key, refusal, allowed):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#compatibility-with-aws-services"""
    local.client("kms").create_alias(AliasName="alias/own", TargetKeyId=key(*allowed))
    code, message = refusal(queue(KmsMasterKeyId="alias/own").arn)
    assert code == "NO_PERMISSIONS"
    assert "its key" in message


def test_encrypted_queue_allows_if_key_policy_allows_eventbridge(queue, key, refusal):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html#compatibility-with-aws-services"""
    assert refusal(queue(KmsMasterKeyId=key("kms:GenerateDataKey*", "kms:Decrypt")).arn) is None


def test_encrypted_topic_denies_unless_key_policy_allows_eventbridge(topic, key, refusal):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services"""
    assert refusal(topic(KmsMasterKeyId=key()))[0] == "NO_PERMISSIONS"


def test_queue_with_aws_managed_key_needs_queue_policy_only(queue, refusal):
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    Differs: AWS's managed key for SQS always denies EventBridge.
    """
    assert refusal(queue(KmsMasterKeyId="alias/aws/sqs").arn) is None


@pytest.fixture
def role(local):
    """Create a role with some permissions that trusts a service, and return its ARN."""

    def make(*actions, principal="events.amazonaws.com", **condition):
        iam = local.client("iam")
        trust = policy("sts:AssumeRole", principal=principal)
        arn = iam.create_role(RoleName="rule-role", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": actions, "Resource": "*", **condition}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName="rule-role", PolicyName="actions", PolicyDocument=document)
        return arn

    return make


@pytest.fixture
def by_role(local, events, endpoint, role):
    """Create a target that requires a role, and return its ARN and the required action."""

    def machine():
        only = {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True}}}
        own = f"arn:aws:iam::{ACCOUNT}:role/machine"
        made = local.client("stepfunctions").create_state_machine(name="m", definition=json.dumps(only), roleArn=own)
        return made["stateMachineArn"]

    def stream():
        local.client("kinesis").create_stream(StreamName="stream", ShardCount=1)
        return f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/stream"

    made = {
        "bus": (lambda: events.create_event_bus(Name="second")["EventBusArn"], "events:PutEvents"),
        "destination": (lambda: endpoint().arn, "events:InvokeApiDestination"),
        "machine": (machine, "states:StartExecution"),
        "stream": (stream, "kinesis:PutRecord"),
    }
    return lambda kind: (made[kind][0](), made[kind][1])


BY_ROLE = pytest.mark.parametrize("kind", ["bus", "destination", "machine", "stream"])
PATTERN = {"source": ["shop.orders"]}


@BY_ROLE
def test_role_with_permission_delivers(by_role, role, refusal, kind):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""
    arn, action = by_role(kind)
    assert refusal(arn, RoleArn=role(action), pattern=PATTERN) is None


@BY_ROLE
def test_role_without_permission_does_not_deliver(by_role, role, refusal, kind):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""
    arn, action = by_role(kind)
    code, message = refusal(arn, RoleArn=role("sqs:SendMessage"))
    assert code == "NO_PERMISSIONS"
    assert f"does not allow {action} on {arn}" in message


@BY_ROLE
def test_role_that_does_not_trust_eventbridge_does_not_deliver(by_role, role, refusal, kind):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""
    arn, action = by_role(kind)
    assert "trust policy" in refusal(arn, RoleArn=role(action, principal="lambda.amazonaws.com"))[1]


@BY_ROLE
def test_target_that_requires_a_role_is_not_reached_without_one(by_role, refusal, kind):
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html
    Differs: for some of these targets, PutTargets fails on AWS.
    """
    code, message = refusal(by_role(kind)[0], RoleArn=None)
    assert code == "NO_PERMISSIONS"
    assert "RoleArn" in message


def test_role_can_be_limited_to_detail_types(events, role, refusal):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"""
    second = events.create_event_bus(Name="second")["EventBusArn"]
    only = {"Condition": {"StringEquals": {"events:detail-type": "OrderPaid"}}}
    assert refusal(second, RoleArn=role("events:PutEvents", **only))[0] == "NO_PERMISSIONS"


@pytest.mark.parametrize("principal", [{"Service": "events.amazonaws.com"}, {"AWS": ACCOUNT}])
def test_bus_policy_can_allow_rules_without_a_role(events, refusal, principal):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html"""
    second = events.create_event_bus(Name="second")["EventBusArn"]
    allowed = {"Sid": "in", "Effect": "Allow", "Principal": principal, "Action": "events:PutEvents", "Resource": second}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    events.put_permission(EventBusName="second", Policy=document)
    assert refusal(second, RoleArn=None) is None


def test_disabled_iam_allows_every_target(local, target, refusal):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    Differs: LocalCloud(enforce_iam=False) allows everything.
    """
    local.region.service(Iam).access.enforce_iam = False
    try:
        assert refusal(target("sqs")) is None
    finally:
        local.region.service(Iam).access.enforce_iam = True


@pytest.mark.parametrize(("actions", "reached"), [(("kms:GenerateDataKey",), True), ((), False)])
def test_encrypted_stream_requires_key_permission_of_the_role(local, by_role, role, key, refusal, actions, reached):
    """https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html"""
    arn, action = by_role("stream")
    local.client("kinesis").start_stream_encryption(StreamName="stream", EncryptionType="KMS", KeyId=key())
    assert (refusal(arn, RoleArn=role(action, *actions)) is None) is reached
