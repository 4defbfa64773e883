"""CloudFormation's API: stacks without change sets, exports, deletion, and stacks of assemblies."""

import json

import pytest
from botocore.exceptions import ClientError
from cloudformation_kit import BROKEN, queue, template

pytest_plugins = ("bare_moto", "cloudformation_kit")


@pytest.fixture
def exporting(stacks):
    """A stack that exports the ARN of its queue, and a stack that imports it."""
    stacks.deploy(exporting_template("one"), "One")
    imported = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "One:Q"}}}
    stacks.deploy(template(Name=imported), "Two")
    return stacks


def exporting_template(name):
    out = {"Q": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "One:Q"}}}
    return template(out, Queue=queue(QueueName=name))


def test_create_stack_and_update_stack_work_without_change_sets(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html."""
    body = json.dumps(template(Queue=queue(QueueName="one")))
    created = stacks.client.create_stack(StackName="Shop", TemplateBody=body, Tags=[{"Key": "team", "Value": "mill"}])
    stacks.wait()
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.client.update_stack(StackName="Shop", UsePreviousTemplate=True)
    changed = json.dumps(template(Queue=queue(QueueName="two")))
    stacks.client.update_stack(StackName=created["StackId"], TemplateBody=changed)
    stacks.wait()
    assert (stacks.status(), stacks.queues(), stacks.stack()["Tags"]) == (
        "UPDATE_COMPLETE",
        ["two"],
        [{"Key": "team", "Value": "mill"}],
    )


def test_name_of_an_existing_stack_cannot_be_used_again(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html."""
    stacks.deploy(template(Queue=queue()))
    with pytest.raises(stacks.client.exceptions.AlreadyExistsException):
        stacks.client.create_stack(StackName="Shop", TemplateBody=json.dumps(template(Queue=queue())))
    with pytest.raises(ClientError, match="already exists and cannot be created again"):
        stacks.change(template(Queue=queue()), ChangeSetType="CREATE")


def test_deletion_runs_in_reverse_order_and_keeps_the_stack_by_id(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html."""
    dependent = {**queue(), "DependsOn": "First"}
    stacks.deploy(template(Second=dependent, First=queue()))
    stack_id = stacks.stack()["StackId"]
    assert stacks.delete() is None
    done = [name for name, status in stacks.events(stack_id) if status == "DELETE_COMPLETE"]
    assert (done, stacks.queues()) == (["Second", "First", "Shop"], [])
    assert stacks.stack(stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_deletion_skips_retained_resources(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html."""
    stacks.deploy(template(Queue={**queue(QueueName="kept"), "DeletionPolicy": "Retain"}))
    stack_id = stacks.stack()["StackId"]
    stacks.delete()
    assert ("Queue", "DELETE_SKIPPED") in stacks.events(stack_id)
    assert stacks.queues() == ["kept"]


def test_protected_stack_is_not_deleted(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html."""
    stacks.deploy(template(Queue=queue()))
    stacks.client.update_termination_protection(StackName="Shop", EnableTerminationProtection=True)
    assert stacks.stack()["EnableTerminationProtection"] is True
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        stacks.delete()


def test_failed_deletion_keeps_the_remaining_resources(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html#troubleshooting-errors-delete-stack-fails."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}
    stacks.deploy(template(Bucket=bucket, Queue=queue()))
    stacks.bare.client("s3").put_object(Bucket="full", Key="a", Body=b"")
    assert stacks.delete() == "DELETE_FAILED"
    assert "[Bucket]" in stacks.stack()["StackStatusReason"]
    assert stacks.queues() == []
    assert stacks.delete(RetainResources=["Bucket"]) is None


def test_exports_are_listed_with_their_importers(exporting):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html."""
    (export,) = exporting.client.list_exports()["Exports"]
    assert (export["Name"], export["Value"].rsplit(":", 1)[-1]) == ("One:Q", "one")
    assert exporting.client.list_imports(ExportName="One:Q")["Imports"] == ["Two"]
    assert exporting.stack("One")["Outputs"][0]["ExportName"] == "One:Q"


def test_stack_with_an_export_in_use_cannot_be_deleted(exporting):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html."""
    assert exporting.delete("One") == "DELETE_FAILED"
    assert exporting.stack("One")["StackStatusReason"] == "Export One:Q cannot be deleted as it is in use by Two"
    assert (exporting.delete("Two"), exporting.delete("One"), exporting.queues()) == (
        None,
        None,
        [],
    )


@pytest.mark.parametrize(
    ("changed", "verb"), [(exporting_template("two"), "updated"), (template(Queue=queue(QueueName="one")), "deleted")]
)
def test_export_in_use_is_neither_changed_nor_removed(exporting, changed, verb):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html."""
    assert exporting.deploy(changed, "One") == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in exporting.client.describe_stack_events(StackName="One")["StackEvents"]
    ]
    assert any(f"cannot be {verb} as it is in use by Two" in reason for reason in reasons)
    assert exporting.queues() == ["one"]


def test_import_without_an_export_fails_the_deployment(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-importvalue.html."""
    assert stacks.deploy(template(Queue=queue(QueueName={"Fn::ImportValue": "No:Q"}))) == "ROLLBACK_COMPLETE"
    assert "no stack exports No:Q" in str(stacks.client.describe_stack_events(StackName="Shop"))


def test_resources_are_described_by_stack_logical_and_physical_id(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html."""
    stacks.deploy(template(Queue=queue(QueueName="one"), Other=queue()))
    found = stacks.client.describe_stack_resource(StackName="Shop", LogicalResourceId="Queue")["StackResourceDetail"]
    by_id = stacks.client.describe_stack_resources(PhysicalResourceId=found["PhysicalResourceId"])["StackResources"]
    listed = stacks.client.list_stack_resources(StackName="Shop")["StackResourceSummaries"]
    assert found["PhysicalResourceId"].endswith("/one")
    assert {each["LogicalResourceId"] for each in by_id} == {"Queue", "Other"}
    assert [each["ResourceStatus"] for each in listed] == ["CREATE_COMPLETE"] * 2


def test_stack_of_an_assembly_can_be_described_and_updated(stacks, write_assembly):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html."""
    stacks.deployer.deploy(write_assembly(Shop={"Queue": queue(QueueName="one")}))
    (listed,) = stacks.client.list_stack_resources(StackName="Shop")["StackResourceSummaries"]
    assert (stacks.status(), listed["LogicalResourceId"]) == ("CREATE_COMPLETE", "Queue")
    before = stacks.stack()["StackId"]
    assert stacks.deploy(template(Queue=queue(QueueName="one"), More=queue())) == "UPDATE_COMPLETE"
    assert (stacks.stack()["StackId"], len(stacks.queues())) == (before, 2)


def test_stack_of_the_api_can_be_updated_by_the_deployer(stacks, write_assembly):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html."""
    stacks.deploy(template(Queue=queue(QueueName="one")))
    changes = []
    stacks.deployer.deploy(write_assembly(Shop={"Queue": queue(QueueName="one", DelaySeconds=1)}), changes.append)
    assert [(change.action, change.logical_id) for change in changes] == [("update", "Queue")]
    shown = stacks.client.get_template(StackName="Shop")["TemplateBody"]
    assert (stacks.status(), shown["Resources"]["Queue"]["Properties"]["DelaySeconds"]) == ("UPDATE_COMPLETE", 1)


def test_deployer_keeps_the_stacks_of_the_api(stacks, write_assembly):
    """https://docs.aws.amazon.com/cdk/v2/guide/deploy.html."""
    stacks.deploy(template(Queue=queue(QueueName="tools")), "Toolkit")
    stacks.deployer.deploy(write_assembly(Shop={"Queue": queue(QueueName="one")}))
    stacks.deployer.deploy(write_assembly(Other={"Queue": queue(QueueName="two")}))
    assert sorted(stacks.queues()) == ["tools", "two"]
    assert (stacks.status("Toolkit"), stacks.status("Shop")) == ("CREATE_COMPLETE", None)


def test_failed_creations_leave_no_stack(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html."""
    for name in ("One", "Two"):
        stacks.deploy(template(Queue=queue(), Rule=BROKEN), name)
    assert (stacks.queues(), stacks.deployer.deployment.stacks) == ([], {})
