"""Resource types next to the flow of events in public apps, read back from the services."""

import json

import pytest
from deployer_fixtures import queue

pytest_plugins = ("bare_moto", "deployer_fixtures")

ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def resource(kind, **properties):
    return {"Type": f"AWS::{kind}", "Properties": properties}


def ref(name):
    return {"Ref": name}


@pytest.fixture
def users(deploy):
    """Deploy a user in two groups, with an access key and policies."""
    inline = {"PolicyName": "own", "PolicyDocument": ALLOW}
    deploy(
        User=resource("IAM::User", UserName="ada", Groups=[ref("First")], Policies=[inline]),
        First=resource("IAM::Group", GroupName="first"),
        Second=resource("IAM::Group", GroupName="second"),
        Added=resource("IAM::UserToGroupAddition", GroupName=ref("Second"), Users=[ref("User")]),
        Key=resource("IAM::AccessKey", UserName=ref("User"), Status="Inactive"),
        Role=resource("IAM::Role", RoleName="r", AssumeRolePolicyDocument=TRUST),
        OfRole=resource("IAM::RolePolicy", RoleName=ref("Role"), PolicyName="extra", PolicyDocument=ALLOW),
        OfUser=resource("IAM::UserPolicy", UserName=ref("User"), PolicyName="more", PolicyDocument=ALLOW),
        Secret=resource("SSM::Parameter", Type="String", Value={"Fn::GetAtt": ["Key", "SecretAccessKey"]}),
    )


def test_user_has_its_groups_policies_and_access_key(users, bare, resources):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-user.html"""
    iam = bare.client("iam")
    groups = sorted(each["GroupName"] for each in iam.list_groups_for_user(UserName="ada")["Groups"])
    policies = sorted(iam.list_user_policies(UserName="ada")["PolicyNames"])
    (key,) = iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]
    assert (groups, policies) == (["first", "second"], ["more", "own"])
    assert (key["AccessKeyId"], key["Status"]) == (resources()["Key"].physical_id, "Inactive")
    assert iam.list_role_policies(RoleName="r")["PolicyNames"] == ["extra"]


def test_users_are_deleted_with_what_they_have(users, bare, deploy):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-user.html"""
    deploy(Queue=queue())
    iam = bare.client("iam")
    assert (iam.list_users()["Users"], iam.list_groups()["Groups"], iam.list_roles()["Roles"]) == ([], [], [])


def test_generated_name_of_a_parameter_starts_with_cfn(deploy, resources):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html"""
    deploy(Parameter=resource("SSM::Parameter", Type="String", Value="1"))
    assert resources()["Parameter"].physical_id.startswith("CFN-Parameter-")


def test_dynamic_reference_has_the_value_of_a_parameter(deploy, bare, resources):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm.html"""
    bare.client("ssm").put_parameter(Name="/size", Type="String", Value="7")
    bare.client("ssm").put_parameter(Name="/key", Type="SecureString", Value="k")
    text = "{{resolve:ssm:/size}} {{resolve:ssm:/size:1}} {{resolve:ssm-secure:/key}}"
    deploy(Parameter=resource("SSM::Parameter", Name="all", Type="String", Value=text))
    assert bare.client("ssm").get_parameter(Name="all")["Parameter"]["Value"] == "7 7 k"


def test_inline_policy_of_a_topic_and_consumer_of_a_stream(deploy, bare, resources):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topicinlinepolicy.html"""
    deploy(
        Topic=resource("SNS::Topic"),
        Policy=resource("SNS::TopicInlinePolicy", TopicArn=ref("Topic"), PolicyDocument=ALLOW),
        Stream=resource("Kinesis::Stream", ShardCount=1),
        Reader=resource("Kinesis::StreamConsumer", ConsumerName="c", StreamARN={"Fn::GetAtt": ["Stream", "Arn"]}),
    )
    topic, stream = resources()["Topic"].physical_id, resources()["Stream"].attributes["Arn"]
    attributes = bare.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]
    (consumer,) = bare.client("kinesis").list_stream_consumers(StreamARN=stream)["Consumers"]
    assert json.loads(attributes["Policy"]) == ALLOW
    assert consumer["ConsumerARN"] == resources()["Reader"].physical_id
