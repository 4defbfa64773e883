"""Refusals of a deployment, and its options: types to skip, and parameters."""

import pytest
from bare_moto import REGION
from deployer_fixtures import queue, rule

from millrace.local.cloudformation.refusals import Options, RefusedDeploymentError

pytest_plugins = ("bare_moto", "deployer_fixtures")


def test_deployment_names_everything_that_it_refuses(deploy, bare):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-template-resource-type-ref.html
    Refused: all that no service declares, at once, each with its construct and what to do.
    """
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Runtime": "nodejs22.x", "Handler": "index.handler"}}
    custom = {"Type": "Custom::Thing", "Properties": {"ServiceToken": {"Fn::GetAtt": ["Provider", "Arn"]}}}
    with pytest.raises(RefusedDeploymentError) as refused:
        deploy(
            Endpoint={"Type": "AWS::Events::Endpoint"},
            Queue=queue(Foo=1, QueueName={"Fn::Cidr": []}),
            Rule=rule("Queue", RoleArn={"Fn::GetAtt": ["Queue", "Size"]}),
            Provider=function,
            Thing=custom,
        )
    message = str(refused.value)
    parts = (
        "Events::Endpoint, Shop/Endpoint/",
        "SQS::Queue.Foo",
        "Fn::Cidr",
        "SQS::Queue.Size",
        "the runtime nodejs22.x",
    )
    assert [part for part in parts if part not in message] == []
    assert (message.count("fix: "), message.count("--skip AWS::Events::Endpoint")) == (5, 1)
    assert bare.calls == []


def test_skipped_type_is_left_out_and_references_get_placeholders(deployer, write_assembly, attributes, caplog):
    resources = {"Vpc": {"Type": "AWS::EC2::VPC"}, "Queue": queue(Tags=[{"Key": "vpc", "Value": {"Ref": "Vpc"}}])}
    options = Options(skip=frozenset({"AWS::EC2::VPC"}))
    shop = deployer.deploy(write_assembly(Shop=resources), options=options).stacks["Shop"]
    assert list(shop.resources) == ["Queue"]
    assert shop.resources["Queue"].properties["Tags"] == [{"Key": "vpc", "Value": "skipped-Vpc"}]
    assert "Shop.Vpc (AWS::EC2::VPC) is skipped" in caplog.text


def test_skipped_construct_is_left_out_with_what_it_contains(deployer, write_assembly):
    options = Options(skip=frozenset({"Shop/Legacy"}))
    resources = {"Legacy": {"Type": "AWS::Events::Endpoint"}, "Queue": queue(), "LegacyToo": queue()}
    shop = deployer.deploy(write_assembly(Shop=resources), options=options).stacks["Shop"]
    assert sorted(shop.resources) == ["LegacyToo", "Queue"]


def test_target_that_is_not_served_is_refused_before_anything_changes(deploy, bare):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
    Refused: tasks of ECS, jobs of Batch and other targets that the local cloud does not have.
    """
    task = {"Id": "t", "Arn": "arn:aws:ecs:us-east-1:123456789012:cluster/c", "EcsParameters": {}}
    with pytest.raises(RefusedDeploymentError, match=r"Targets\.EcsParameters.*\n.*--skip Shop/Rule"):
        deploy(Rule={"Type": "AWS::Events::Rule", "Properties": {"Targets": [task]}}, Queue=queue())
    assert bare.calls == []


def test_type_that_no_event_passes_is_stored_and_named(deployer, write_assembly, attributes, bare, caplog):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
    Differs: the resource has no effect. A warning names its type and the reason.
    """
    tags = [{"Key": "vpc", "Value": {"Ref": "Vpc"}}, {"Key": "arn", "Value": {"Fn::GetAtt": ["Acl", "Arn"]}}]
    resources = {"Vpc": {"Type": "AWS::EC2::VPC"}, "Acl": {"Type": "AWS::WAFv2::WebACL"}, "Queue": queue(Tags=tags)}
    shop = deployer.deploy(write_assembly(Shop=resources)).stacks["Shop"]
    vpc, arn = (tag["Value"] for tag in shop.resources["Queue"].properties["Tags"])
    assert (vpc, arn) == (
        shop.resources["Vpc"].physical_id,
        f"arn:aws:wafv2:{REGION}:123456789012:webacl/{shop.resources['Acl'].name}",
    )
    assert "Shop: AWS::EC2::VPC: stored with the stack only, because functions run on this machine" in caplog.text
    assert set(bare.calls) <= {"CreateQueue", "GetQueueAttributes"}


@pytest.mark.parametrize("name", ["Delay", "Shop:Delay"])
def test_parameter_has_the_given_value(deployer, write_assembly, attributes, name):
    """https://docs.aws.amazon.com/cdk/v2/guide/parameters.html"""
    sections = {"Shop": {"Parameters": {"Delay": {"Type": "Number"}}}}
    assembly = write_assembly(sections=sections, Shop={"Queue": queue(DelaySeconds={"Ref": "Delay"})})
    shop = deployer.deploy(assembly, options=Options(parameters={name: "7"})).stacks["Shop"]
    assert attributes(shop.resources["Queue"])["DelaySeconds"] == "7"
    assert deployer.deploy(assembly).stacks["Shop"].parameters == {"Delay": "7"}
