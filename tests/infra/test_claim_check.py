"""The claim check in the template: a bucket for each bus, and who may do what in it."""

import json
from pathlib import Path

import pytest
from aws_cdk import Duration, NestedStack

from millrace.constructs import Bus, EventStore, Mediator, Processor, ordered

OWN = {"StringEquals": {"aws:ResourceAccount": {"Ref": "AWS::AccountId"}}}


def in_buckets(template, name):
    """What a function may do in buckets, and on which names."""
    return {action: said(s["Resource"]) for s in s3_statements(template, name) for action in listed(s["Action"])}


def s3_statements(template, name):
    return [s for s in template.statements(template.function(name)) if "s3:" in str(s["Action"])]


def bucket_of(template):
    (logical_id,) = template.of("S3::Bucket")
    return f"arn:${{AWS::Partition}}:s3:::${{{logical_id}}}"


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


def test_cloudformation_chooses_the_name_of_a_bucket_and_a_parameter_of_the_bus_holds_it(stack, synthesised):
    Bus(stack, "Bus", name="test")
    template = synthesised()
    ((logical_id, bucket),) = template.of("S3::Bucket").items()
    (parameter,) = template.of("SSM::Parameter").values()
    assert "BucketName" not in bucket
    assert (parameter["Name"], parameter["Value"]) == ("/millrace/test/claims-bucket", {"Ref": logical_id})


def test_an_archive_that_keeps_all_has_claims_that_are_kept(stack, synthesised):
    Bus(stack, "Bus", name="test", archive_retention=Duration.days(0))
    (bucket,) = synthesised().of("S3::Bucket").values()
    assert "LifecycleConfiguration" not in bucket


def test_a_function_puts_what_it_publishes_and_gets_what_it_takes(stack, synthesised):
    bus = Bus(stack, "Bus", name="test")
    Processor(stack, "P", bus=bus, function="upgrade_tier")
    template = synthesised()
    assert in_buckets(template, "upgrade_tier") == {
        "s3:PutObject": f"{bucket_of(template)}/shop.loyalty/TierUpgraded/*",
        "s3:GetObject": f"{bucket_of(template)}/shop.loyalty/PointsAwarded/*",
        "s3:ListBucket": bucket_of(template),
    }


def test_a_function_reaches_buckets_of_its_own_account_alone(stack, synthesised):
    store = EventStore(stack, "Store", bus=Bus(stack, "Bus", name="test"))
    Processor(
        stack, "P", bus=store._bus, function="place_order", channel=ordered(by="order_id"), tables={"orders": store}
    )
    template = synthesised()
    statements = [each for name in ("place_order", "relay_store") for each in s3_statements(template, name)]
    assert len(statements) > 6
    assert [each for each in statements if each.get("Condition") != OWN] == []


def test_the_starter_of_a_mediator_may_claim_what_an_outsider_did_not(stack, synthesised):
    Mediator(stack, "M", bus=Bus(stack, "Bus", name="test"), steps=["arrange_shipping"])
    allowed = in_buckets(synthesised(), "start_m")
    assert allowed["s3:PutObject"] == allowed["s3:GetObject"]


def test_the_functions_of_another_stack_find_the_bucket_by_the_name_of_its_bus(stack, synthesised):
    Processor(stack, "P", bus=Bus(stack, "Bus", name="test", existing=True), function="upgrade_tier")
    template = synthesised()
    assert list(template.of("S3::Bucket")) == []
    found = {body["Default"]: name for name, body in template.body["Parameters"].items()}
    name = found["/millrace/test/claims-bucket"]
    assert in_buckets(template, "upgrade_tier")["s3:ListBucket"] == f"arn:${{AWS::Partition}}:s3:::${{{name}}}"


def test_nested_stack_needs_no_parameter_that_its_parent_has_not_created_yet(stack, app):
    bus = Bus(stack, "Bus", name="test")
    nested = NestedStack(stack, "Nested")
    Processor(nested, "P", bus=bus, function="upgrade_tier")
    template = json.loads(Path(app.synth().directory, nested.template_file).read_text())
    functions = [each for each in template["Resources"].values() if each["Type"] == "AWS::Lambda::Function"]
    (bucket,) = [each["Properties"]["Environment"]["Variables"]["MILLRACE_CLAIMS"]["Ref"] for each in functions]
    assert template["Parameters"][bucket]["Type"] == "String"


@pytest.mark.parametrize("above", [0, 1_048_577])
def test_a_limit_that_no_event_can_reach_is_refused(stack, above):
    with pytest.raises(ValueError, match=f"claim_check_above={above}: PutEvents takes 1048576 bytes at most"):
        Bus(stack, "Bus", name="test", claim_check_above=above)


def test_a_bus_may_do_without(stack, synthesised):
    Processor(stack, "P", bus=Bus(stack, "Bus", name="test", claim_check_above=None), function="upgrade_tier")
    template = synthesised()
    assert list(template.of("S3::Bucket")) == []
    assert in_buckets(template, "upgrade_tier") == {}
