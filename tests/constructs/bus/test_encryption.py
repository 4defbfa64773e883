"""The encryption key of a bus encrypts everything on it, with least-privilege permissions."""

import itertools
from functools import reduce
from operator import getitem

import pytest

from functions.contracts.loyalty import TierUpgraded
from millrace.constructs import Bus, Processor, Subscriber, Webhook, direct, ordered


@pytest.fixture(scope="session")
def key(keyed):
    """The ARN of the key in the template."""
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
def test_key_encrypts_every_resource_on_the_bus(keyed, key, kind, names):
    resources = [found for name, found in keyed.of(kind).items() if "KeyFailures" not in name]
    assert resources
    assert all(reduce(getitem, names, found) == key for found in resources)


def test_key_has_rotation_and_is_retained(keyed):
    (key,) = [resource for resource in keyed.resources.values() if resource["Type"] == "AWS::KMS::Key"]
    assert key["Properties"]["EnableKeyRotation"]
    assert key["DeletionPolicy"] == "RetainExceptOnCreate"


def test_key_policy_of_services_has_conditions_and_no_wildcard_actions(keyed):
    (key,) = keyed.of("KMS::Key").values()
    services = [s for s in key["KeyPolicy"]["Statement"] if "Service" in s["Principal"]]
    assert len(services) == 9  # one of them for each stream processor
    assert [s["Action"] for s in services if "Condition" not in s] == ["kms:DescribeKey"]
    assert "*" not in {action[-1] for s in services for action in s["Action"]}


def test_key_policy_allows_archives_by_encryption_context(keyed):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/encryption-archives.html"""
    (key,) = keyed.of("KMS::Key").values()
    (statement,) = [s for s in key["KeyPolicy"]["Statement"] if s.get("Sid") == "EventBridgeArchives"]
    (context,) = statement["Condition"]["StringEquals"].items()
    assert context[0] == "kms:EncryptionContext:aws:events:event-bus:arn"
    assert ":event-bus/shop" in str(context[1])
    assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"}


def test_events_that_the_key_cannot_encrypt_go_to_a_queue_without_the_key(keyed):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-event-bus-dlq.html"""
    (bus,) = keyed.of("Events::EventBus").values()
    queue = keyed.of("SQS::Queue")[bus["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]]
    assert "KmsMasterKeyId" not in queue
    assert queue["SqsManagedSseEnabled"]


def test_role_may_use_the_key_only_through_services(keyed, key):
    policies = keyed.of("IAM::Policy").values()
    statements = list(itertools.chain.from_iterable(p["PolicyDocument"]["Statement"] for p in policies))
    key_statements = [statement for statement in statements if "kms:" in str(statement["Action"])]
    assert all(statement["Resource"] == key for statement in key_statements)
    assert all("kms:" in str(statement["Condition"]) for statement in key_statements)
    assert not [statement for statement in key_statements if "*" in str(statement["Action"])]


@pytest.mark.parametrize(
    ("name", "services"),
    [
        ("award_points", {"dynamodb", "lambda", "s3", "sqs"}),
        ("upgrade_tier", {"dynamodb", "lambda", "s3", "sqs"}),
        ("reserve_stock", {"dynamodb", "lambda", "s3"}),
        ("start_fulfilment", {"lambda", "s3", "sqs", "states"}),
    ],
)
def test_function_may_use_the_key_only_through_its_services(keyed, name, services):
    statements = [s for s in keyed.statements(keyed.function(name)) if "kms:" in str(s["Action"])]
    vias = [s["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Join"][1][0] for s in statements]
    assert {via.rstrip(".") for via in vias} == services


def test_consumer_may_decrypt_and_encrypt_messages_for_quarantine(stack, synthesised):
    bus = Bus(stack, "Bus", name="test", encryption_key="create")
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


def test_key_encrypts_streams_buckets_and_secrets(stack, synthesised):
    bus = Bus(stack, "Bus", name="test", encryption_key="create")
    Processor(stack, "Ordered", bus=bus, function="upgrade_tier", channel=ordered(partition_key="customer_id"))
    Subscriber(stack, "Hook", bus=bus, events=[TierUpgraded], target=Webhook("https://example.com/hook"))
    template = synthesised()
    key = {"Fn::GetAtt": [next(iter(template.of("KMS::Key"))), "Arn"]}
    (stream,) = template.of("Kinesis::Stream").values()
    encryptions = [bucket["BucketEncryption"] for bucket in template.of("S3::Bucket").values()]
    assert [str(key) in str(encryption) for encryption in encryptions] == [True, True]
    assert stream["StreamEncryption"]["KeyId"] == key
    assert [secret["KmsKeyId"] for secret in template.of("SecretsManager::Secret").values()] == [key]


def test_alarms_may_use_the_key_of_their_topic(stack, synthesised):
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

    key = kms.Key(stack, "Key")
    Bus(stack, "Bus", name="test", encryption_key=key, alarm_topic=sns.Topic(stack, "Topic", master_key=key))
    (made,) = synthesised().of("KMS::Key").values()
    sids = [statement.get("Sid") for statement in made["KeyPolicy"]["Statement"]]
    assert "Alarms" in sids


def test_imported_key_is_used_without_policy_changes(stack, synthesised):
    from aws_cdk import aws_kms as kms

    arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    Bus(stack, "Bus", name="test", encryption_key=kms.Key.from_key_arn(stack, "Key", arn))
    template = synthesised()
    assert {queue.get("KmsMasterKeyId") for queue in template.of("SQS::Queue").values()} == {arn, None}
    assert not template.of("KMS::Key")
