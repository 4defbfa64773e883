"""The claim check: a bucket per bus, and least-privilege permissions."""

import json
from pathlib import Path

import pytest
from aws_cdk import Duration, NestedStack

from millrace.constructs import Bus, EventStore, Mediator, Processor, ordered

OWN_ACCOUNT = {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}


def s3_permissions(template, name):
    """Return the S3 actions of a function with their resources."""
    return {action: joined(s["Resource"]) for s in s3_statements(template, name) for action in listed(s["Action"])}


def s3_statements(template, name):
    return [s for s in template.statements(template.function(name)) if "s3:" in str(s["Action"])]


def bucket_arn(template):
    (logical_id,) = template.of("S3::Bucket")
    return f"arn:${{AWS::Partition}}:s3:::${{{logical_id}}}"


def listed(value):
    return value if isinstance(value, list) else [value]


def joined(value):
    """Format Fn::Join as for Fn::Sub."""
    if isinstance(value, list):
        return [joined(each) for each in value]
    return "".join(part if isinstance(part, str) else f"${{{part['Ref']}}}" for part in value["Fn::Join"][1])


def test_objects_expire_after_archive_and_dead_letter_retention(stack, synthesised):
    Bus(stack, "Bus", name="test", archive_retention=Duration.days(10))
    (bucket,) = synthesised().of("S3::Bucket").values()
    assert [rule["ExpirationInDays"] for rule in bucket["LifecycleConfiguration"]["Rules"]] == [24]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}


def test_bucket_has_a_generated_name_in_an_ssm_parameter_of_the_bus(stack, synthesised):
    Bus(stack, "Bus", name="test")
    template = synthesised()
    ((logical_id, bucket),) = template.of("S3::Bucket").items()
    (parameter,) = template.of("SSM::Parameter").values()
    assert "BucketName" not in bucket
    assert (parameter["Name"], parameter["Value"]) == ("/millrace/test/claims-bucket", {"Ref": logical_id})


def test_objects_do_not_expire_if_the_archive_keeps_all_events(stack, synthesised):
    Bus(stack, "Bus", name="test", archive_retention=Duration.days(0))
    (bucket,) = synthesised().of("S3::Bucket").values()
    assert "LifecycleConfiguration" not in bucket


def test_function_may_put_published_and_get_consumed_data(stack, synthesised):
    bus = Bus(stack, "Bus", name="test")
    Processor(stack, "P", bus=bus, function="upgrade_tier")
    template = synthesised()
    assert s3_permissions(template, "upgrade_tier") == {
        "s3:PutObject": f"{bucket_arn(template)}/shop.loyalty/TierUpgraded/*",
        "s3:GetObject": f"{bucket_arn(template)}/shop.loyalty/PointsAwarded/*",
        "s3:ListBucket": bucket_arn(template),
    }


def test_function_may_only_use_buckets_of_its_own_account(stack, bus, synthesised):
    store = EventStore(stack, "Store", bus=bus)
    channel = ordered(partition_key="order_id")
    Processor(stack, "P", bus=bus, function="place_order", channel=channel, tables={"orders": store})
    template = synthesised()
    statements = [each for name in ("place_order", "relay_store") for each in s3_statements(template, name)]
    assert len(statements) > 6
    assert [each for each in statements if each.get("Condition") != OWN_ACCOUNT] == []


def test_starter_may_store_and_read_the_data_of_its_trigger(stack, synthesised):
    Mediator(stack, "M", bus=Bus(stack, "Bus", name="test"), steps=["arrange_shipping"])
    allowed = s3_permissions(synthesised(), "start_m")
    assert allowed["s3:PutObject"] == allowed["s3:GetObject"]


def test_functions_of_another_stack_use_the_bucket_of_the_bus(stack, synthesised):
    Processor(stack, "P", bus=Bus(stack, "Bus", name="test", existing=True), function="upgrade_tier")
    template = synthesised()
    assert list(template.of("S3::Bucket")) == []
    parameters = {body["Default"]: name for name, body in template.body["Parameters"].items()}
    name = parameters["/millrace/test/claims-bucket"]
    assert s3_permissions(template, "upgrade_tier")["s3:ListBucket"] == f"arn:${{AWS::Partition}}:s3:::${{{name}}}"


def test_nested_stack_needs_no_parameter_that_its_parent_has_not_created_yet(stack, app):
    bus = Bus(stack, "Bus", name="test")
    nested = NestedStack(stack, "Nested")
    Processor(nested, "P", bus=bus, function="upgrade_tier")
    template = json.loads(Path(app.synth().directory, nested.template_file).read_text())
    functions = [each for each in template["Resources"].values() if each["Type"] == "AWS::Lambda::Function"]
    (bucket,) = [each["Properties"]["Environment"]["Variables"]["MILLRACE_CLAIMS"]["Ref"] for each in functions]
    assert template["Parameters"][bucket]["Type"] == "String"


@pytest.mark.parametrize("threshold", [0, 1_048_577])
def test_threshold_outside_the_limits_of_put_events_raises(stack, threshold):
    with pytest.raises(ValueError, match=f"claim_check_threshold={threshold}: PutEvents takes 1048576 bytes at most"):
        Bus(stack, "Bus", name="test", claim_check_threshold=threshold)


def test_claim_check_can_be_disabled(stack, synthesised):
    Processor(stack, "P", bus=Bus(stack, "Bus", name="test", claim_check_threshold=None), function="upgrade_tier")
    template = synthesised()
    assert list(template.of("S3::Bucket")) == []
    assert s3_permissions(template, "upgrade_tier") == {}
