"""Findings are acknowledged at a resource, with a reason."""

import pytest

from millrace.constructs import acknowledge

REASON = "It contains only test data."


@pytest.fixture
def bucket(stack):
    from aws_cdk import aws_s3 as s3

    return s3.Bucket(stack, "Bucket")


def rules(app):
    from cdk_nag import AwsSolutionsChecks

    return {broken.rule_name for broken in AwsSolutionsChecks(app).validate_scope(app).violations}


def test_cdk_nag_does_not_report_acknowledged_findings(app, bucket):
    found = rules(app)
    acknowledge(bucket, REASON, "AwsSolutions-S1")
    assert "AwsSolutions-S1" in found
    assert rules(app) == found - {"AwsSolutions-S1"}


def test_template_contains_the_suppressions_of_checkov_and_cfn_lint(bucket, synthesised):
    acknowledge(bucket, REASON, "CKV_AWS_18", "CKV_AWS_21", "W3011")
    (resource,) = synthesised().resources.values()
    skipped = resource["Metadata"]["checkov"]["skip"]
    assert skipped == [{"id": "CKV_AWS_18", "comment": REASON}, {"id": "CKV_AWS_21", "comment": REASON}]
    assert resource["Metadata"]["cfn-lint"] == {"config": {"ignore_checks": ["W3011"]}, "reasons": {"W3011": REASON}}


def test_acknowledging_a_checkov_finding_of_a_stack_raises(stack):
    with pytest.raises(TypeError, match="Test is not a resource: acknowledge CKV_AWS_18 at the resource that has it"):
        acknowledge(stack, REASON, "CKV_AWS_18")


def test_every_acknowledgement_of_the_shop_has_a_reason(template):
    notes = [resource.get("Metadata", {}).get("checkov") for resource in template.resources.values()]
    reasons = [skip["comment"] for note in notes if note for skip in note["skip"]]
    assert reasons
    assert all(len(reason.split()) >= 5 for reason in reasons)
