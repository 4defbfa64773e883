"""Findings that stay: each at its resource, with its reason."""

import pytest

from millrace.constructs import acknowledge

REASON = "It keeps nothing that matters."


@pytest.fixture
def bucket(stack):
    from aws_cdk import aws_s3 as s3

    return s3.Bucket(stack, "Bucket")


def rules(app):
    from cdk_nag import AwsSolutionsChecks

    return {broken.rule_name for broken in AwsSolutionsChecks(app).validate_scope(app).violations}


def test_cdk_nag_finds_what_is_not_acknowledged_and_lets_be_what_is(app, bucket):
    found = rules(app)
    acknowledge(bucket, REASON, "AwsSolutions-S1")
    assert "AwsSolutions-S1" in found
    assert rules(app) == found - {"AwsSolutions-S1"}


def test_checkov_and_cfn_lint_read_theirs_in_the_template(bucket, synthesised):
    acknowledge(bucket, REASON, "CKV_AWS_18", "CKV_AWS_21", "W3011")
    (resource,) = synthesised().resources.values()
    skipped = resource["Metadata"]["checkov"]["skip"]
    assert skipped == [{"id": "CKV_AWS_18", "comment": REASON}, {"id": "CKV_AWS_21", "comment": REASON}]
    assert resource["Metadata"]["cfn-lint"] == {"config": {"ignore_checks": ["W3011"]}, "reasons": {"W3011": REASON}}


def test_what_is_no_resource_has_nothing_that_checkov_could_skip(stack):
    with pytest.raises(TypeError, match="Test is no resource: acknowledge CKV_AWS_18 at the resource that has it"):
        acknowledge(stack, REASON, "CKV_AWS_18")


def test_every_acknowledgement_of_the_shop_says_why(template):
    notes = [resource.get("Metadata", {}).get("checkov") for resource in template.resources.values()]
    reasons = [skip["comment"] for note in notes if note for skip in note["skip"]]
    assert reasons
    assert all(len(reason.split()) >= 5 for reason in reasons)
