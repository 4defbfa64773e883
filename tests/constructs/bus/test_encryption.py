"""One key setting: what it governs, and who may use the key for what."""

import itertools
from functools import reduce
from operator import getitem

import pytest

from functions.contracts.loyalty import TierUpgraded
from millrace.constructs import Bus, Processor, Subscriber, Webhook, direct, ordered


@pytest.fixture(scope="session")
def key(keyed):
    """The ARN of that key, as the template writes it."""
    (name,) = keyed.of("KMS::Key")
    return {"Fn::GetAtt": [name, "Arn"]}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("Events::EventBus", ["KmsKeyIdentifier"]),
        ("Events::Archive", ["KmsKeyIdentifier"]),
        ("SQS::Queue", ["KmsMasterKeyId"]),
        ("DynamoDB::Table", ["SSESpecification", "KMSMasterKeyId"]),
        ("Logs::LogGroup", ["KmsKeyId"]),
        ("Lambda::Function", ["KmsKeyArn"]),
        ("StepFunctions::StateMachine", ["EncryptionConfiguration", "KmsKeyId"]),
    ],
)
def test_the_key_of_the_bus_governs_everything_on_it(keyed, key, kind, names):
    resources = keyed.of(kind).values()
    assert resources
    assert all(reduce(getitem, names, found) == key for found in resources)


def test_the_key_turns_and_outlives_the_stack(keyed):
    (key,) = [resource for resource in keyed.resources.values() if resource["Type"] == "AWS::KMS::Key"]
    assert key["Properties"]["EnableKeyRotation"]
    assert key["DeletionPolicy"] == "Retain"


def test_a_service_may_use_the_key_only_for_what_is_on_the_bus(keyed):
    (key,) = keyed.of("KMS::Key").values()
    services = [s for s in key["KeyPolicy"]["Statement"] if "Service" in s["Principal"]]
    assert len(services) == 5
    assert all(statement["Condition"] for statement in services)
    assert "*" not in {action[-1] for s in services for action in s["Action"]}


def test_a_role_may_use_the_key_only_by_way_of_the_service_that_it_calls(keyed, key):
    policies = keyed.of("IAM::Policy").values()
    statements = list(itertools.chain.from_iterable(p["PolicyDocument"]["Statement"] for p in policies))
    of_key = [statement for statement in statements if "kms:" in str(statement["Action"])]
    assert all(statement["Resource"] == key for statement in of_key)
    assert all("kms:" in str(statement["Condition"]) for statement in of_key)
    assert not [statement for statement in of_key if "*" in str(statement["Action"])]


@pytest.mark.parametrize(
    ("name", "services"),
    [
        ("award_points", {"dynamodb", "lambda", "s3", "sqs"}),
        ("upgrade_tier", {"dynamodb", "lambda", "s3", "sqs"}),
        ("reserve_stock", {"dynamodb", "lambda", "s3"}),
        ("start_fulfilment", {"lambda", "s3", "sqs", "states"}),
    ],
)
def test_a_function_uses_the_key_for_what_it_touches_and_no_more(keyed, name, services):
    statements = [s for s in keyed.statements(keyed.function(name)) if "kms:" in str(s["Action"])]
    vias = [s["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Join"][1][0] for s in statements]
    assert {via.rstrip(".") for via in vias} == services


def test_a_consumer_may_decrypt_and_encrypt_what_it_puts_aside(stack, synthesised):
    bus = Bus(stack, "Bus", name="test", encryption_key="own")
    Processor(stack, "Queued", bus=bus, function="upgrade_tier")
    Processor(stack, "Direct", bus=bus, function="issue_gift", channel=direct())
    template = synthesised()
    actions = {name: _by_sqs(template.statements(template.function(name))) for name in ("upgrade_tier", "issue_gift")}
    assert actions == {
        "upgrade_tier": ["kms:Decrypt", "kms:GenerateDataKey"],
        "issue_gift": ["kms:Decrypt", "kms:GenerateDataKey"],
    }


def _by_sqs(statements):
    return next(s["Action"] for s in statements if "kms" in str(s["Action"]) and "'sqs.'" in str(s["Condition"]))


def test_streams_buckets_and_secrets_are_under_the_key_too(stack, synthesised):
    bus = Bus(stack, "Bus", name="test", encryption_key="own")
    Processor(stack, "Ordered", bus=bus, function="upgrade_tier", channel=ordered(by="customer_id"))
    Subscriber(stack, "Hook", bus=bus, events=[TierUpgraded], to=Webhook("https://example.com/hook"))
    template = synthesised()
    key = {"Fn::GetAtt": [next(iter(template.of("KMS::Key"))), "Arn"]}
    (stream,) = template.of("Kinesis::Stream").values()
    of_buckets = [bucket["BucketEncryption"] for bucket in template.of("S3::Bucket").values()]
    assert [str(key) in str(encryption) for encryption in of_buckets] == [True, True]
    assert stream["StreamEncryption"]["KeyId"] == key
    assert [secret["KmsKeyId"] for secret in template.of("SecretsManager::Secret").values()] == [key]


def test_alarms_reach_a_topic_under_the_key(stack, synthesised):
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

    key = kms.Key(stack, "Key")
    Bus(stack, "Bus", name="test", encryption_key=key, alarm_topic=sns.Topic(stack, "Topic", master_key=key))
    (made,) = synthesised().of("KMS::Key").values()
    sids = [statement.get("Sid") for statement in made["KeyPolicy"]["Statement"]]
    assert "Alarms" in sids


def test_a_key_that_is_only_imported_is_used_and_its_policy_left_alone(stack, synthesised):
    from aws_cdk import aws_kms as kms

    arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    Bus(stack, "Bus", name="test", encryption_key=kms.Key.from_key_arn(stack, "Key", arn))
    template = synthesised()
    assert [queue["KmsMasterKeyId"] for queue in template.of("SQS::Queue").values()] == [arn]
    assert not template.of("KMS::Key")
