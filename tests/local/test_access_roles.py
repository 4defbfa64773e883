"""Passing roles to services: a caller needs iam:PassRole, or it could do what the role may do."""

import json

import pytest

from millrace.local.core.http import Request
from millrace.local.services.iam import call_of, required_permissions, scope_of

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/admin"


def passed(service, path="/", target="", **params):
    """The roles that a call passes, and the services that get them."""
    signed = f"AWS4-HMAC-SHA256 Credential=ASIA/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
    headers = {"authorization": signed} | ({"x-amz-target": f"X.{target}"} if target else {})
    request = Request("POST", path, "", headers, json.dumps(params).encode())
    needed = required_permissions(call_of(request, scope_of(request), ACCOUNT), None)
    return [(each.resource, each.known["iam:passedtoservice"]) for each in needed if each.action == "iam:PassRole"]


@pytest.mark.parametrize(
    ("service", "target", "params"),
    [
        ("events", "PutTargets", {"Rule": "r", "Targets": [{"Id": "1", "Arn": "a", "RoleArn": ROLE}]}),
        ("logs", "PutSubscriptionFilter", {"logGroupName": "g", "roleArn": ROLE}),
        ("states", "CreateStateMachine", {"name": "m", "roleArn": ROLE}),
        ("firehose", "CreateDeliveryStream", {"S3DestinationConfiguration": {"RoleARN": ROLE}}),
    ],
)
def test_role_in_a_call_is_passed_to_the_service(service, target, params):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""
    assert passed(service, target=target, **params) == [(ROLE, (f"{service}.amazonaws.com",))]


def test_topic_rule_passes_the_roles_of_its_actions():
    """https://docs.aws.amazon.com/iot/latest/developerguide/pass-role.html"""
    actions = [{"kinesis": {"roleArn": ROLE, "streamName": "s"}}]
    assert passed("iot", "/rules/r", sql="SELECT *", actions=actions) == [(ROLE, ("iot.amazonaws.com",))]


def test_value_that_is_no_role_is_not_passed():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html"""
    variables = {"Variables": {"ROLE": ROLE}}
    path = "/2015-03-31/functions"
    assert passed("lambda", path, FunctionName="f", Environment=variables, Role=ROLE) == [
        (ROLE, ("lambda.amazonaws.com",))
    ]
    assert passed("logs", target="CreateLogGroup", logGroupName="g", tags={"role": "clerk"}) == []


@pytest.mark.parametrize(("operation", "wanted"), [("CreateStack", ["*"]), ("DescribeStacks", [])])
def test_role_that_changes_a_stack_needs_every_permission(operation, wanted):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html

    Differs: on AWS a role needs the permissions of the calls that CloudFormation makes for it.
    """
    signed = "AWS4-HMAC-SHA256 Credential=ASIA/20260101/us-east-1/cloudformation/aws4_request, SignedHeaders=host"
    headers = {"authorization": signed, "content-type": "application/x-www-form-urlencoded"}
    request = Request("POST", "/", "", headers, f"Action={operation}&StackName=s".encode())
    needed = required_permissions(call_of(request, scope_of(request), ACCOUNT), None)
    assert [each.action for each in needed] == [f"cloudformation:{operation}", *wanted]
