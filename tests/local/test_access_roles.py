"""Passing roles to services: a caller needs iam:PassRole, or it could do what the role may do."""

import json

import pytest

from millrace.local.core.errors import UnsupportedPolicyError
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


def needed(service, body, method="POST", path="/", **headers):
    """Actions and resources that a signed form needs."""
    signed = f"AWS4-HMAC-SHA256 Credential=ASIA/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host"
    given = {"authorization": signed, "content-type": "application/x-www-form-urlencoded", **headers}
    request = Request(method, path, "", given, body.encode())
    call = call_of(request, scope_of(request), ACCOUNT)
    return [(each.action, each.resource) for each in required_permissions(call, None)]


@pytest.mark.parametrize(("operation", "wanted"), [("CreateStack", ["*"]), ("DescribeStacks", [])])
def test_role_that_changes_a_stack_needs_every_permission(operation, wanted):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html

    Differs: on AWS a role needs the permissions of the calls that CloudFormation makes for it.
    """
    found = needed("cloudformation", f"Action={operation}&StackName=s")
    assert [action for action, _ in found] == [f"cloudformation:{operation}", *wanted]


@pytest.mark.parametrize(
    ("service", "body", "wanted"),
    [
        ("sns", "Action=Publish&TopicArn=arn:t&SubscriptionArn=arn:own:s", ("sns:Publish", "arn:t")),
        ("iam", "Action=CreateUser&UserName=u&RoleName=own", ("iam:CreateUser", f"arn:aws:iam::{ACCOUNT}:user/u")),
        ("iam", "Action=DeleteAccountPasswordPolicy&RoleName=own", ("iam:DeleteAccountPasswordPolicy", "*")),
    ],
)
def test_parameter_that_an_operation_does_not_have_names_no_resource(service, body, wanted):
    """https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html"""
    assert needed(service, body) == [wanted]


@pytest.mark.parametrize("operation", ["createUser", "create_user"])
def test_other_spelling_of_an_operation_is_refused(operation):
    """https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html"""
    with pytest.raises(UnsupportedPolicyError, match="has no operation"):
        needed("iam", f"Action={operation}&UserName=u&RoleName=own")


def test_header_of_another_protocol_does_not_choose_the_operation_of_s3():
    """https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html"""
    found = needed("s3", "", "PUT", "/b/operation/GetObject", **{"smithy-protocol": "rpc-v2-cbor"})
    assert found == [("s3:PutObject", "arn:aws:s3:::b/operation/GetObject")]
