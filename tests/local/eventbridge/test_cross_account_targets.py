"""Queues, topics, streams and functions of other accounts as targets of rules."""

from types import SimpleNamespace

import pytest
from bus_kit import ACCOUNT, OTHER, OTHER_REGION, REGION, attributes, packed, policy, policy_for, received

from millrace.local.services.iam import Iam

pytest_plugins = ["bus_fixtures", "cross_account_fixtures", "bare_moto"]

ASSERT_REGION = "import os\ndef handler(event, context): assert os.environ['AWS_REGION'] == 'us-east-1'\n"


def test_moving_a_stack_to_another_account_deletes_it_in_the_first(local, write_assembly):
    stack = {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "ledger"}}}

    def urls(**environment):
        return local.client("sqs", **environment).list_queues().get("QueueUrls", [])

    local.deploy(write_assembly(Ledger=stack))
    local.deploy(write_assembly(environments={"Ledger": f"aws://{OTHER}/{OTHER_REGION}"}, Ledger=stack))
    assert (urls(), len(urls(account=OTHER, region=OTHER_REGION))) == ([], 1)
    local.deploy(write_assembly(Ledger=stack))
    assert (len(urls()), urls(account=OTHER, region=OTHER_REGION)) == (1, [])


def test_queue_of_another_account_receives_if_its_policy_allows_the_rule_role(send, queue_of, forward, role_of_rules):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    theirs = queue_of(Policy=policy_for(role_of_rules, "sqs:SendMessage"))
    forward(theirs.arn, RoleArn=role_of_rules)
    send({"n": 1})
    (event,) = theirs.events()
    assert (event["detail"], event["account"]) == ({"n": 1}, ACCOUNT)


@pytest.mark.parametrize(
    "principal", [None, "arn:aws:iam::123456789012:role/another", "arn:aws:iam::444455556666:root"]
)
def test_queue_of_another_account_denies_other_principals(send, queue_of, forward, dead, role_of_rules, principal):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html"""
    theirs = queue_of(**({"Policy": policy_for(principal, "sqs:SendMessage")} if principal else {}))
    forward(theirs.arn, RoleArn=role_of_rules)
    send({"n": 1})
    assert (theirs.events(), dead.codes()) == ([], ["NO_PERMISSIONS"])


def test_role_without_permission_does_not_reach_queue_of_another_account(local, send, queue_of, forward, dead):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html"""
    created = local.client("iam").create_role(RoleName="idle", AssumeRolePolicyDocument=policy("sts:AssumeRole"))
    role = created["Role"]["Arn"]
    theirs = queue_of(Policy=policy_for(role, "sqs:SendMessage"))
    forward(theirs.arn, RoleArn=role)
    send({"n": 1})
    assert (theirs.events(), dead.codes()) == ([], ["NO_PERMISSIONS"])


@pytest.mark.parametrize("allowed", [True, False])
def test_encrypted_queue_of_another_account_requires_key_policy(
    local, send, queue_of, forward, dead, role_of_rules, allowed
):
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-modifying-external-accounts.html"""
    principal = role_of_rules if allowed else f"arn:aws:iam::{OTHER}:root"
    key = local.client("kms", account=OTHER).create_key(Policy=policy_for(principal, "kms:*"))["KeyMetadata"]["Arn"]
    theirs = queue_of(Policy=policy_for(role_of_rules, "sqs:SendMessage"), KmsMasterKeyId=key)
    forward(theirs.arn, RoleArn=role_of_rules)
    send({"n": 1})
    assert (len(theirs.events()), dead.codes()) == ((1, []) if allowed else (0, ["NO_PERMISSIONS"]))


def test_queue_of_another_account_requires_a_role(send, queue_of, forward, dead):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    theirs = queue_of(Policy=policy("sqs:SendMessage"))
    forward(theirs.arn)
    send({"n": 1})
    assert (theirs.events(), dead.codes()) == ([], ["NO_PERMISSIONS"])


def test_queue_of_the_same_name_in_the_own_account_is_not_used(send, queue, queue_of, forward, dead, role_of_rules):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""
    own, arn = queue("theirs"), queue_of(name="another").arn.replace("another", "theirs")
    forward(arn, RoleArn=role_of_rules)
    send({"n": 1})
    assert (own.events(), dead.codes()) == ([], ["NO_RESOURCE"])


def test_only_a_bus_can_be_a_target_in_another_region(local, queue_of, forward):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html

    Differs: the error message is not AWS's.
    """
    with pytest.raises(
        local.client("events").exceptions.ClientError, match="Only an event bus can be a target in another"
    ):
        forward(queue_of(region=OTHER_REGION).arn)


def test_dead_letter_names_the_unknown_account(send, forward, dead, role_of_rules):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html

    Refused: an account exists only after a deployment to it or a call signed for it.
    """
    forward("arn:aws:sqs:us-east-1:444455556666:ledger", RoleArn=role_of_rules)
    send({"n": 1})
    details = attributes(dead.messages()[0])
    assert details["ERROR_CODE"] == "NOT_DELIVERED_LOCALLY"
    assert "Nothing is deployed to account 444455556666 in us-east-1" in details["ERROR_MESSAGE"]


@pytest.fixture
def topic_of(local):
    """Create a topic that allows a role to publish; return its ARN and a function that receives its events."""

    def topic_of(role):
        sns, sqs = local.client("sns", account=OTHER), local.client("sqs", account=OTHER)
        arn = sns.create_topic(Name="topic", Attributes={"Policy": policy_for(role, "sns:Publish")})["TopicArn"]
        url = sqs.create_queue(QueueName="subscriber")["QueueUrl"]
        behind = f"arn:aws:sqs:{REGION}:{OTHER}:subscriber"
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=behind, Attributes={"RawMessageDelivery": "true"})
        return SimpleNamespace(arn=arn, events=lambda: received(sqs, url))

    return topic_of


def test_topic_of_another_account_receives_if_its_policy_allows_the_role(send, topic_of, forward, role_of_rules):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    theirs = topic_of(role_of_rules)
    forward(theirs.arn, RoleArn=role_of_rules)
    send({"n": 1})
    assert [event["detail"] for event in theirs.events()] == [{"n": 1}]


@pytest.mark.parametrize("allowed", [True, False])
def test_stream_of_another_account_requires_its_policy(local, send, forward, dead, role_of_rules, allowed):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    kinesis, arn = local.client("kinesis", account=OTHER), f"arn:aws:kinesis:{REGION}:{OTHER}:stream/theirs"
    kinesis.create_stream(StreamName="theirs", ShardCount=1)
    if allowed:
        kinesis.put_resource_policy(ResourceARN=arn, Policy=policy_for(role_of_rules, "kinesis:PutRecord"))
    forward(arn)
    send({"n": 1})
    first = {"ShardId": "shardId-000000000000", "ShardIteratorType": "TRIM_HORIZON"}
    shard = kinesis.get_shard_iterator(StreamName="theirs", **first)["ShardIterator"]
    records = kinesis.get_records(ShardIterator=shard)["Records"]
    assert (len(records), dead.codes()) == ((1, []) if allowed else (0, ["NO_PERMISSIONS"]))


def test_function_of_another_account_requires_its_policy(local, send, forward, dead, role_of_rules):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html"""
    lambda_ = local.client("lambda", account=OTHER)
    created = {"Runtime": "python3.13", "Handler": "app.handler", "Code": {"ZipFile": packed(ASSERT_REGION)}}
    role = local.client("iam", account=OTHER).create_role(RoleName="own", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    arn = lambda_.create_function(FunctionName="theirs", Role=role, **created)["FunctionArn"]
    forward(arn, RoleArn=role_of_rules)
    send({"n": 1})
    codes = dead.codes()
    given = {"StatementId": "rules", "Action": "lambda:InvokeFunction", "Principal": role_of_rules}
    lambda_.add_permission(FunctionName="theirs", **given)
    event_id = send({"n": 2})["Entries"][0]["EventId"]
    assert codes == ["NO_PERMISSIONS"]
    assert local.trace(event_id).work("theirs").attempts[0].outcome == "ok"


def test_function_cannot_call_another_account(local, role_of_rules):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html

    Refused: every call except PutEvents, which accepts the ARN of a bus.
    """
    sent = {"QueueUrl": f"http://127.0.0.1/{OTHER}/theirs", "MessageBody": "hello"}
    access = local.region.service(Iam).access
    details = local.on_loop(lambda: access.refusal(role_of_rules, "s", "sqs", "SendMessage", sent))
    assert "of another account is unsupported. Calls reach another account by PutEvents and S3 only" in details
