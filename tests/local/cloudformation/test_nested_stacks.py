"""Nested stacks, deployed through CloudFormation's API and from an assembly."""

import json

import pytest
from cloudformation_kit import queue, template

from millrace.local.cloudformation.assembly import Asset, Stack
from millrace.local.cloudformation.refusals import Options, RefusedDeploymentError, check
from millrace.local.cloudformation.template import Template

pytest_plugins = ("bare_moto", "cloudformation_kit")

URL = "https://s3.us-east-1.amazonaws.com/templates/{}.json"


def nested(name, **properties):
    return {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": URL.format(name), **properties}}


def outer(name, **parameters):
    arn = {"Fn::GetAtt": ["Inner", "Outputs.Arn"]}
    return template({"Arn": {"Value": arn}}, Inner=nested(name, Parameters=parameters))


@pytest.fixture
def templates(stacks):
    """Upload templates to S3 by name."""
    stacks.bare.client("s3").create_bucket(Bucket="templates")

    def upload(name, body):
        stacks.bare.client("s3").put_object(Bucket="templates", Key=f"{name}.json", Body=json.dumps(body))

    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}}}
    named = queue(QueueName={"Fn::Join": ["-", {"Ref": "Names"}]})
    upload("one", template(outputs, {"Names": {"Type": "CommaDelimitedList"}}, Queue=named))
    upload("two", template(outputs, Queue=queue(QueueName="two"), More=queue(QueueName="more")))
    return upload


def test_nested_stack_receives_parameters_and_returns_outputs(stacks, templates):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html"""
    assert stacks.deploy(outer("one", Names=["a", "b"])) == "CREATE_COMPLETE"
    assert stacks.stack()["Outputs"][0]["OutputValue"].endswith(":a-b")
    (inner,) = (each for each in stacks.client.describe_stacks()["Stacks"] if "ParentId" in each)
    assert inner["StackName"].startswith("Shop-Inner-")
    assert (inner["ParentId"], inner["RootId"]) == (stacks.stack()["StackId"],) * 2


def test_update_and_deletion_of_a_stack_include_its_nested_stacks(stacks, templates):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html"""
    stacks.deploy(outer("one", Names=["a", "b"]))
    stacks.deploy(outer("two"))
    assert sorted(stacks.queues()) == ["more", "two"]
    stacks.deploy(template(Other=queue(QueueName="other")))
    assert (stacks.queues(), len(stacks.client.describe_stacks()["Stacks"])) == (["other"], 1)
    stacks.deploy(outer("two"))
    stacks.delete()
    assert (stacks.queues(), stacks.client.describe_stacks()["Stacks"]) == ([], [])


def test_failure_of_a_nested_stack_rolls_back_its_parent(stacks, templates):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html"""
    templates("bad", template(Good=queue(QueueName="good"), Bad={**queue(QueueName="!"), "DependsOn": "Good"}))
    assert stacks.deploy(template(First=queue(QueueName="first"), Inner=nested("bad"))) == "ROLLBACK_COMPLETE"
    assert stacks.queues() == []
    reason = stacks.client.describe_stack_events(StackName="Shop")["StackEvents"]
    assert any("Bad (AWS::SQS::Queue" in each.get("ResourceStatusReason", "") for each in reason)


def test_refusals_of_a_deployment_include_those_of_nested_stacks(tmp_path):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
    Refused: before anything is changed, with the path in the nested stack.
    """
    (tmp_path / "in.json").write_text(json.dumps(template(Endpoint={"Type": "AWS::Events::Endpoint"})))
    asset = Asset("in", tmp_path / "in.json", zipped=False, bucket="templates", key="in.json")
    with pytest.raises(RefusedDeploymentError, match=r"Shop-Inner\.Endpoint \(AWS::Events::Endpoint"):
        check([Stack("Shop", Template(template(Inner=nested("in"))), (asset,))], Options())
