"""The claim check in the template: a bucket for each bus, and who may do what in it."""

import pytest
from aws_cdk import Duration

from millrace.constructs import Bus, Mediator, Processor

BUCKET = "arn:${AWS::Partition}:s3:::test-claims-${AWS::AccountId}-${AWS::Region}"


def in_buckets(template, name):
    """What a function may do in buckets, and on which names."""
    statements = [s for s in template.statements(template.function(name)) if "s3:" in str(s["Action"])]
    return {action: said(s["Resource"]) for s in statements for action in listed(s["Action"])}


def listed(value):
    return value if isinstance(value, list) else [value]


def said(value):
    """A joined text, as one would write it for Fn::Sub; of several, all."""
    if isinstance(value, list):
        return [said(each) for each in value]
    return "".join(part if isinstance(part, str) else f"${{{part['Ref']}}}" for part in value["Fn::Join"][1])


def test_a_bus_has_a_bucket_that_forgets_after_the_archive_and_the_dead_letters(stack, synthesised):
    Bus(stack, "Bus", name="test", archive_retention=Duration.days(10))
    (bucket,) = synthesised().of("S3::Bucket").values()
    assert [rule["ExpirationInDays"] for rule in bucket["LifecycleConfiguration"]["Rules"]] == [24]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert BUCKET.endswith(said(bucket["BucketName"]))


def test_an_archive_that_keeps_all_has_claims_that_are_kept(stack, synthesised):
    Bus(stack, "Bus", name="test", archive_retention=Duration.days(0))
    (bucket,) = synthesised().of("S3::Bucket").values()
    assert "LifecycleConfiguration" not in bucket


def test_a_function_puts_what_it_publishes_and_gets_what_it_takes(stack, synthesised):
    bus = Bus(stack, "Bus", name="test")
    Processor(stack, "P", bus=bus, function="upgrade_tier")
    assert in_buckets(synthesised(), "upgrade_tier") == {
        "s3:PutObject": f"{BUCKET}/shop.loyalty/TierUpgraded/*",
        "s3:GetObject": f"{BUCKET}/shop.loyalty/PointsAwarded/*",
        "s3:ListBucket": BUCKET,
    }


def test_the_starter_of_a_mediator_may_claim_what_an_outsider_did_not(stack, synthesised):
    Mediator(stack, "M", bus=Bus(stack, "Bus", name="test"), steps=["arrange_shipping"])
    allowed = in_buckets(synthesised(), "start_m")
    assert allowed["s3:PutObject"] == allowed["s3:GetObject"]


def test_the_functions_of_another_stack_find_the_bucket_by_the_name_of_its_bus(stack, synthesised):
    Processor(stack, "P", bus=Bus(stack, "Bus", name="test", existing=True), function="upgrade_tier")
    template = synthesised()
    assert list(template.of("S3::Bucket")) == []
    assert in_buckets(template, "upgrade_tier")["s3:ListBucket"] == BUCKET


@pytest.mark.parametrize("above", [0, 1_048_577])
def test_a_limit_that_no_event_can_reach_is_refused(stack, above):
    with pytest.raises(ValueError, match=f"claim_check_above={above}: PutEvents takes 1048576 bytes at most"):
        Bus(stack, "Bus", name="test", claim_check_above=above)


def test_a_bus_may_do_without(stack, synthesised):
    Processor(stack, "P", bus=Bus(stack, "Bus", name="test", claim_check_above=None), function="upgrade_tier")
    template = synthesised()
    assert list(template.of("S3::Bucket")) == []
    assert in_buckets(template, "upgrade_tier") == {}
