"""The claim check: a bucket per bus, and least-privilege permissions."""

import pytest
from aws_cdk import Duration

from millrace.constructs import Bus, Mediator, Processor

BUCKET = "arn:${AWS::Partition}:s3:::test-claims-${AWS::AccountId}-${AWS::Region}"


def s3_permissions(template, name):
    """Return the S3 actions of a function with their resources."""
    statements = [s for s in template.statements(template.function(name)) if "s3:" in str(s["Action"])]
    return {action: joined(s["Resource"]) for s in statements for action in listed(s["Action"])}


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
    assert BUCKET.endswith(joined(bucket["BucketName"]))


def test_objects_do_not_expire_if_the_archive_keeps_all_events(stack, synthesised):
    Bus(stack, "Bus", name="test", archive_retention=Duration.days(0))
    (bucket,) = synthesised().of("S3::Bucket").values()
    assert "LifecycleConfiguration" not in bucket


def test_function_may_put_published_and_get_consumed_data(stack, synthesised):
    bus = Bus(stack, "Bus", name="test")
    Processor(stack, "P", bus=bus, function="upgrade_tier")
    assert s3_permissions(synthesised(), "upgrade_tier") == {
        "s3:PutObject": f"{BUCKET}/shop.loyalty/TierUpgraded/*",
        "s3:GetObject": f"{BUCKET}/shop.loyalty/PointsAwarded/*",
        "s3:ListBucket": BUCKET,
    }


def test_starter_may_store_and_read_the_data_of_its_trigger(stack, synthesised):
    Mediator(stack, "M", bus=Bus(stack, "Bus", name="test"), steps=["arrange_shipping"])
    allowed = s3_permissions(synthesised(), "start_m")
    assert allowed["s3:PutObject"] == allowed["s3:GetObject"]


def test_functions_of_another_stack_use_the_bucket_of_the_bus(stack, synthesised):
    Processor(stack, "P", bus=Bus(stack, "Bus", name="test", existing=True), function="upgrade_tier")
    template = synthesised()
    assert list(template.of("S3::Bucket")) == []
    assert s3_permissions(template, "upgrade_tier")["s3:ListBucket"] == BUCKET


@pytest.mark.parametrize("threshold", [0, 1_048_577])
def test_threshold_outside_the_limits_of_put_events_raises(stack, threshold):
    with pytest.raises(ValueError, match=f"claim_check_threshold={threshold}: PutEvents takes 1048576 bytes at most"):
        Bus(stack, "Bus", name="test", claim_check_threshold=threshold)


def test_claim_check_can_be_disabled(stack, synthesised):
    Processor(stack, "P", bus=Bus(stack, "Bus", name="test", claim_check_threshold=None), function="upgrade_tier")
    template = synthesised()
    assert list(template.of("S3::Bucket")) == []
    assert s3_permissions(template, "upgrade_tier") == {}
