"""CloudFormation's API: change sets, parameters and templates."""

import json

import pytest
from botocore.exceptions import ClientError
from cloudformation_kit import BROKEN, queue, template

pytest_plugins = ("bare_moto", "cloudformation_kit")


def test_change_set_creates_a_stack_with_events(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html."""
    assert stacks.deploy(template(Queue=queue(QueueName="one"))) == "CREATE_COMPLETE"
    assert stacks.queues() == ["one"]
    assert stacks.events() == [
        ("Shop", "REVIEW_IN_PROGRESS"),
        ("Shop", "CREATE_IN_PROGRESS"),
        ("Queue", "CREATE_IN_PROGRESS"),
        ("Queue", "CREATE_COMPLETE"),
        ("Shop", "CREATE_COMPLETE"),
    ]


def test_change_set_of_a_new_stack_creates_no_resource(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html."""
    change_set = stacks.change(template(Queue=queue()))
    assert (change_set["Status"], change_set["ExecutionStatus"], stacks.status()) == (
        "CREATE_COMPLETE",
        "AVAILABLE",
        "REVIEW_IN_PROGRESS",
    )
    assert stacks.queues() == []


def test_change_set_lists_added_modified_replaced_and_removed_resources(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-view.html."""
    stacks.deploy(template(A=queue(DelaySeconds=1), B=queue(QueueName="b"), C=queue(), D=queue()))
    change_set = stacks.change(template(A=queue(DelaySeconds=2), B=queue(QueueName="bb"), C=queue(), E=queue()))
    changes = [each["ResourceChange"] for each in change_set["Changes"]]
    assert [(each["Action"], each["LogicalResourceId"], each.get("Replacement")) for each in changes] == [
        ("Modify", "A", "False"),
        ("Modify", "B", "True"),
        ("Add", "E", None),
        ("Remove", "D", None),
    ]


def test_change_set_includes_dependents_of_a_replaced_resource(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html."""
    parameter = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["Queue", "Arn"]}},
    }
    stacks.deploy(template(Queue=queue(QueueName="one"), Name=parameter))
    change_set = stacks.change(template(Queue=queue(QueueName="two"), Name=parameter), IncludeNestedStacks=True)
    assert [each["ResourceChange"]["LogicalResourceId"] for each in change_set["Changes"]] == ["Queue", "Name"]


def test_change_set_without_changes_fails_with_a_reason(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html."""
    stacks.deploy(template(Queue=queue()))
    change_set = stacks.change(template(Queue=queue()))
    assert (change_set["Status"], change_set["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert change_set["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        stacks.client.execute_change_set(StackName="Shop", ChangeSetName="one")


def test_new_output_is_a_change(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html."""
    stacks.deploy(template(Queue=queue(QueueName="one")))
    out = {"Name": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}, "Description": "Its name"}}
    assert stacks.deploy(template(out, Queue=queue(QueueName="one"))) == "UPDATE_COMPLETE"
    assert stacks.stack()["Outputs"] == [{"OutputKey": "Name", "OutputValue": "one", "Description": "Its name"}]


def test_deleted_change_set_is_not_found(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html."""
    stacks.change(template(Queue=queue()))
    assert [each["ChangeSetName"] for each in stacks.client.list_change_sets(StackName="Shop")["Summaries"]] == ["one"]
    stacks.client.delete_change_set(StackName="Shop", ChangeSetName="one")
    with pytest.raises(stacks.client.exceptions.ChangeSetNotFoundException):
        stacks.client.describe_change_set(StackName="Shop", ChangeSetName="one")


def test_update_deletes_removed_resources_last(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html."""
    stacks.deploy(template(A=queue(QueueName="a"), B=queue(QueueName="b")))
    assert stacks.deploy(template(B=queue(QueueName="b", DelaySeconds=3))) == "UPDATE_COMPLETE"
    assert stacks.queues() == ["b"]
    assert stacks.events()[-6:] == [
        ("B", "UPDATE_IN_PROGRESS"),
        ("B", "UPDATE_COMPLETE"),
        ("Shop", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
        ("A", "DELETE_IN_PROGRESS"),
        ("A", "DELETE_COMPLETE"),
        ("Shop", "UPDATE_COMPLETE"),
    ]


def test_failed_creation_is_rolled_back_with_a_reason(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html."""
    assert stacks.deploy(template(Queue=queue(), Rule=BROKEN)) == "ROLLBACK_COMPLETE"
    assert stacks.queues() == []
    failed = [
        event
        for event in stacks.client.describe_stack_events(StackName="Shop")["StackEvents"]
        if event["ResourceStatus"] == "CREATE_FAILED"
    ]
    assert [event["LogicalResourceId"] for event in failed] == ["Rule"]
    assert "missing does not exist" in failed[0]["ResourceStatusReason"]


def test_stack_in_rollback_complete_can_only_be_deleted(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html."""
    stacks.deploy(template(Queue=queue(), Rule=BROKEN))
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stacks.change(template(Queue=queue()))
    assert stacks.delete() is None
    assert stacks.deploy(template(Queue=queue())) == "CREATE_COMPLETE"


def test_failed_update_is_rolled_back(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-monitor-stack.html."""
    stacks.deploy(template(Queue=queue(QueueName="one", DelaySeconds=1)))
    broken = template(Queue=queue(QueueName="one", DelaySeconds=2), Rule=BROKEN)
    assert stacks.deploy(broken) == "UPDATE_ROLLBACK_COMPLETE"
    url = stacks.bare.client("sqs").get_queue_url(QueueName="one")["QueueUrl"]
    found = stacks.bare.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["DelaySeconds"] == "1"
    assert stacks.deploy(template(Queue=queue(QueueName="one", DelaySeconds=2))) == "UPDATE_COMPLETE"


def test_unsupported_type_fails_before_any_resource_is_created(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html.

    Refused: every type that no service declares.
    """
    with pytest.raises(ClientError, match="the resource type AWS::Events::Endpoint, used by Thing"):
        stacks.change(template(Queue=queue(), Thing={"Type": "AWS::Events::Endpoint"}))
    assert (stacks.queues(), stacks.status()) == ([], None)


def test_template_in_s3_can_be_yaml_with_short_forms(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html."""
    s3 = stacks.bare.client("s3")
    s3.create_bucket(Bucket="templates")
    yaml = (
        "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: !Sub '${AWS::StackName}-q'}\n"
        "Outputs: {Arn: {Value: !GetAtt Queue.Arn}}\n"
    )
    s3.put_object(Bucket="templates", Key="a b.yaml", Body=yaml.encode())
    url = "https://s3.us-east-1.amazonaws.com/templates/a%20b.yaml"
    stacks.client.create_stack(StackName="Shop", TemplateURL=url)
    stacks.wait()
    assert stacks.stack()["Outputs"][0]["OutputValue"].endswith(":Shop-q")
    assert stacks.client.get_template(StackName="Shop")["TemplateBody"] == yaml


def test_parameters_have_given_previous_and_default_values(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html."""
    declared = {"Name": {"Type": "String"}, "Delay": {"Type": "Number", "Default": 1}}
    body = template(None, declared, Queue=queue(QueueName={"Ref": "Name"}, DelaySeconds={"Ref": "Delay"}))
    stacks.deploy(body, Parameters=[{"ParameterKey": "Name", "ParameterValue": "one"}])
    changed = [{"ParameterKey": "Name", "UsePreviousValue": True}, {"ParameterKey": "Delay", "ParameterValue": "2"}]
    stacks.deploy(body, Parameters=changed)
    found = {each["ParameterKey"]: each["ParameterValue"] for each in stacks.stack()["Parameters"]}
    assert (found, stacks.queues()) == ({"Name": "one", "Delay": "2"}, ["one"])


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        ({"Name": {"Type": "String"}}, {}, "the parameter Name has no default"),
        ({"Name": {"Type": "String", "AllowedValues": ["a"]}}, {"Name": "b"}, "must be one of AllowedValues"),
        ({"Name": {"Type": "String", "AllowedPattern": "[a-z]+"}}, {"Name": "1"}, "failed to satisfy constraint"),
        ({}, {"Other": "b"}, "do not exist in the template"),
    ],
)
def test_invalid_parameter_fails(stacks, declared, given, message):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html."""
    values = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    with pytest.raises(ClientError, match=message):
        stacks.change(template(None, declared, Queue=queue()), Parameters=values)


def test_named_iam_resources_require_a_capability(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html."""
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": {"Statement": []}}}
    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_NAMED_IAM\]"):
        stacks.change(template(Role=role), Capabilities=["CAPABILITY_IAM"])


def test_template_is_summarized_and_validated(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html."""
    body = json.dumps({"Description": "One", **template(None, {"Name": {"Type": "String"}}, Queue=queue())})
    summary = stacks.client.get_template_summary(TemplateBody=body)
    assert (summary["ResourceTypes"], summary["Description"]) == (["AWS::SQS::Queue"], "One")
    (parameter,) = stacks.client.validate_template(TemplateBody=body)["Parameters"]
    assert parameter["ParameterKey"] == "Name"


@pytest.mark.parametrize("body", ["{", "{}", '{"Resources": {"A": {"Type": "AWS::SQS::Queue", "Foo": 1}}}'])
def test_malformed_template_is_a_validation_error(stacks, body):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html."""
    with pytest.raises(ClientError, match="Template format error"):
        stacks.client.validate_template(TemplateBody=body)


def test_template_in_a_request_has_at_most_51200_bytes(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    body = json.dumps({"Description": "x" * 51_200, **template(Queue=queue())})
    with pytest.raises(ClientError, match=r"'templateBody' failed to satisfy .* less than or equal to 51200"):
        stacks.client.validate_template(TemplateBody=body)


def test_template_in_a_bucket_has_at_most_a_million_bytes(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    body = json.dumps({"Description": "x" * 1_000_000, **template(Queue=queue())})
    stacks.bare.client("s3").create_bucket(Bucket="large")
    stacks.bare.client("s3").put_object(Bucket="large", Key="template.json", Body=body)
    with pytest.raises(ClientError, match="Template may not exceed 1000000 bytes in size"):
        stacks.client.validate_template(TemplateURL="https://s3.us-east-1.amazonaws.com/large/template.json")


def test_unknown_stack_is_a_validation_error(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html."""
    with pytest.raises(ClientError, match="Stack with id Shop does not exist") as failure:
        stacks.client.describe_stacks(StackName="Shop")
    assert failure.value.response["Error"]["Code"] == "ValidationError"


def test_unsupported_operation_returns_400_without_retry(stacks):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html.

    Refused: drift detection, stack sets, imports, refactoring and generated templates.
    """
    with pytest.raises(ClientError, match="cloudformation DetectStackDrift is not implemented") as failure:
        stacks.client.detect_stack_drift(StackName="Shop")
    metadata = failure.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (400, 0)
