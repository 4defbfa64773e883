"""CloudFormation's API: stacks without change sets, exports, deletion, and stacks that the loader deployed."""

import json

import pytest
from bare_moto import bare, shared, write  # noqa: F401 fixtures
from botocore.exceptions import ClientError
from cloudformation_kit import BROKEN, queue, stacks, template  # noqa: F401 a fixture


@pytest.fixture
def exporting(stacks):  # noqa: F811
    """A stack that exports its queue's ARN, and one that imports it."""
    stacks.deploy(exported("one"), "One")
    imported = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "One:Q"}}}
    stacks.deploy(template(Name=imported), "Two")
    return stacks


def exported(name):
    out = {"Q": {"Value": {"Fn::GetAtt": ["Queue", "Arn"]}, "Export": {"Name": "One:Q"}}}
    return template(out, Queue=queue(QueueName=name))


def test_create_and_update_stack_do_without_change_sets(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html."""
    body = json.dumps(template(Queue=queue(QueueName="one")))
    made = stacks.client.create_stack(StackName="Shop", TemplateBody=body, Tags=[{"Key": "team", "Value": "mill"}])
    stacks.wait()
    with pytest.raises(ClientError, match="No updates are to be performed"):
        stacks.client.update_stack(StackName="Shop", UsePreviousTemplate=True)
    changed = json.dumps(template(Queue=queue(QueueName="two")))
    stacks.client.update_stack(StackName=made["StackId"], TemplateBody=changed)
    stacks.wait()
    assert (stacks.status(), stacks.queues(), stacks.stack()["Tags"]) == (
        "UPDATE_COMPLETE",
        ["two"],
        [{"Key": "team", "Value": "mill"}],
    )


def test_a_name_is_taken_until_its_stack_is_deleted(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html."""
    stacks.deploy(template(Queue=queue()))
    with pytest.raises(stacks.client.exceptions.AlreadyExistsException):
        stacks.client.create_stack(StackName="Shop", TemplateBody=json.dumps(template(Queue=queue())))
    with pytest.raises(ClientError, match="already exists and cannot be created again"):
        stacks.change(template(Queue=queue()), ChangeSetType="CREATE")


def test_deletion_goes_backwards_and_the_stack_stays_known_by_its_id(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html."""
    dependent = {**queue(), "DependsOn": "First"}
    stacks.deploy(template(Second=dependent, First=queue()))
    stack_id = stacks.stack()["StackId"]
    assert stacks.delete() is None
    done = [name for name, status in stacks.events(stack_id) if status == "DELETE_COMPLETE"]
    assert (done, stacks.queues()) == (["Second", "First", "Shop"], [])
    assert stacks.stack(stack_id)["StackStatus"] == "DELETE_COMPLETE"


def test_what_is_to_be_retained_is_skipped(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html."""
    stacks.deploy(template(Queue={**queue(QueueName="kept"), "DeletionPolicy": "Retain"}))
    stack_id = stacks.stack()["StackId"]
    stacks.delete()
    assert ("Queue", "DELETE_SKIPPED") in stacks.events(stack_id)
    assert stacks.queues() == ["kept"]


def test_a_protected_stack_is_not_deleted(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html."""
    stacks.deploy(template(Queue=queue()))
    stacks.client.update_termination_protection(StackName="Shop", EnableTerminationProtection=True)
    assert stacks.stack()["EnableTerminationProtection"] is True
    with pytest.raises(ClientError, match="TerminationProtection is enabled"):
        stacks.delete()


def test_a_deletion_that_fails_keeps_what_could_not_be_deleted(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/troubleshooting.html#troubleshooting-errors-delete-stack-fails."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "full"}}
    stacks.deploy(template(Bucket=bucket, Queue=queue()))
    stacks.bare.client("s3").put_object(Bucket="full", Key="a", Body=b"")
    assert stacks.delete() == "DELETE_FAILED"
    assert "[Bucket]" in stacks.stack()["StackStatusReason"]
    assert stacks.queues() == []
    assert stacks.delete(RetainResources=["Bucket"]) is None


def test_exports_are_listed_with_those_who_import_them(exporting):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListExports.html."""
    (export,) = exporting.client.list_exports()["Exports"]
    assert (export["Name"], export["Value"].rsplit(":", 1)[-1]) == ("One:Q", "one")
    assert exporting.client.list_imports(ExportName="One:Q")["Imports"] == ["Two"]
    assert exporting.stack("One")["Outputs"][0]["ExportName"] == "One:Q"


def test_a_stack_whose_export_is_in_use_cannot_be_deleted(exporting):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html."""
    assert exporting.delete("One") == "DELETE_FAILED"
    assert exporting.stack("One")["StackStatusReason"] == "Export One:Q cannot be deleted as it is in use by Two"
    assert (exporting.delete("Two"), exporting.delete("One"), exporting.queues()) == (None, None, [])


@pytest.mark.parametrize(
    ("changed", "verb"), [(exported("two"), "updated"), (template(Queue=queue(QueueName="one")), "deleted")]
)
def test_an_export_in_use_is_neither_changed_nor_removed(exporting, changed, verb):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html."""
    assert exporting.deploy(changed, "One") == "UPDATE_ROLLBACK_COMPLETE"
    reasons = [
        event.get("ResourceStatusReason", "")
        for event in exporting.client.describe_stack_events(StackName="One")["StackEvents"]
    ]
    assert any(f"cannot be {verb} as it is in use by Two" in reason for reason in reasons)
    assert exporting.queues() == ["one"]


def test_an_import_that_nobody_exports_fails_the_deployment(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-importvalue.html."""
    assert stacks.deploy(template(Queue=queue(QueueName={"Fn::ImportValue": "No:Q"}))) == "ROLLBACK_COMPLETE"
    assert "no stack exports No:Q" in str(stacks.client.describe_stack_events(StackName="Shop"))


def test_resources_are_described_by_stack_by_logical_and_by_physical_id(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResources.html."""
    stacks.deploy(template(Queue=queue(QueueName="one"), Other=queue()))
    found = stacks.client.describe_stack_resource(StackName="Shop", LogicalResourceId="Queue")["StackResourceDetail"]
    by_id = stacks.client.describe_stack_resources(PhysicalResourceId=found["PhysicalResourceId"])["StackResources"]
    listed = stacks.client.list_stack_resources(StackName="Shop")["StackResourceSummaries"]
    assert found["PhysicalResourceId"].endswith("/one")
    assert {each["LogicalResourceId"] for each in by_id} == {"Queue", "Other"}
    assert [each["ResourceStatus"] for each in listed] == ["CREATE_COMPLETE"] * 2


def test_a_stack_of_the_loader_is_described_and_can_be_updated(stacks, write):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ListStackResources.html."""
    stacks.loader.deploy(write(Shop={"Queue": queue(QueueName="one")}))
    (listed,) = stacks.client.list_stack_resources(StackName="Shop")["StackResourceSummaries"]
    assert (stacks.status(), listed["LogicalResourceId"]) == ("CREATE_COMPLETE", "Queue")
    before = stacks.stack()["StackId"]
    assert stacks.deploy(template(Queue=queue(QueueName="one"), More=queue())) == "UPDATE_COMPLETE"
    assert (stacks.stack()["StackId"], len(stacks.queues())) == (before, 2)


def test_a_stack_of_the_api_can_be_updated_by_the_loader(stacks, write):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html."""
    stacks.deploy(template(Queue=queue(QueueName="one")))
    changes = []
    stacks.loader.deploy(write(Shop={"Queue": queue(QueueName="one", DelaySeconds=1)}), changes.append)
    assert [(change.action, change.logical_id) for change in changes] == [("update", "Queue")]
    shown = stacks.client.get_template(StackName="Shop")["TemplateBody"]
    assert (stacks.status(), shown["Resources"]["Queue"]["Properties"]["DelaySeconds"]) == ("UPDATE_COMPLETE", 1)


def test_the_loader_leaves_the_stacks_of_the_api_alone(stacks, write):  # noqa: F811
    """https://docs.aws.amazon.com/cdk/v2/guide/deploy.html."""
    stacks.deploy(template(Queue=queue(QueueName="tools")), "Toolkit")
    stacks.loader.deploy(write(Shop={"Queue": queue(QueueName="one")}))
    stacks.loader.deploy(write(Other={"Queue": queue(QueueName="two")}))
    assert sorted(stacks.queues()) == ["tools", "two"]
    assert (stacks.status("Toolkit"), stacks.status("Shop")) == ("CREATE_COMPLETE", None)


def test_two_creations_that_fail_leave_no_trace_in_what_stands(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html."""
    for name in ("One", "Two"):
        stacks.deploy(template(Queue=queue(), Rule=BROKEN), name)
    assert (stacks.queues(), stacks.loader.deployment.stacks) == ([], {})
