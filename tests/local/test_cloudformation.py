"""CloudFormation's API: stacks through change sets, and what is told of them."""

import json

import pytest
from bare_moto import bare, shared, write  # noqa: F401 fixtures
from botocore.exceptions import ClientError
from cloudformation_kit import BROKEN, queue, stacks, template  # noqa: F401 a fixture


def test_a_change_set_makes_a_stack_and_tells_of_each_resource(stacks):  # noqa: F811
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


def test_a_change_set_of_a_new_stack_leaves_it_in_review_and_makes_nothing(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateChangeSet.html."""
    made = stacks.change(template(Queue=queue()))
    assert (made["Status"], made["ExecutionStatus"], stacks.status()) == (
        "CREATE_COMPLETE",
        "AVAILABLE",
        "REVIEW_IN_PROGRESS",
    )
    assert stacks.queues() == []


def test_a_change_set_tells_what_is_added_changed_replaced_and_removed(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets-view.html."""
    stacks.deploy(template(A=queue(DelaySeconds=1), B=queue(QueueName="b"), C=queue(), D=queue()))
    made = stacks.change(template(A=queue(DelaySeconds=2), B=queue(QueueName="bb"), C=queue(), E=queue()))
    told = [each["ResourceChange"] for each in made["Changes"]]
    assert [(each["Action"], each["LogicalResourceId"], each.get("Replacement")) for each in told] == [
        ("Modify", "A", "False"),
        ("Modify", "B", "True"),
        ("Add", "E", None),
        ("Remove", "D", None),
    ]


def test_what_depends_on_a_replaced_resource_is_foreseen_to_change(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html."""
    parameter = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {"Type": "String", "Value": {"Fn::GetAtt": ["Queue", "Arn"]}},
    }
    stacks.deploy(template(Queue=queue(QueueName="one"), Name=parameter))
    made = stacks.change(template(Queue=queue(QueueName="two"), Name=parameter), IncludeNestedStacks=True)
    assert [each["ResourceChange"]["LogicalResourceId"] for each in made["Changes"]] == ["Queue", "Name"]


def test_a_change_set_without_changes_fails_and_says_so(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html."""
    stacks.deploy(template(Queue=queue()))
    made = stacks.change(template(Queue=queue()))
    assert (made["Status"], made["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
    assert made["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
        stacks.client.execute_change_set(StackName="Shop", ChangeSetName="one")


def test_an_output_alone_is_a_change(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html."""
    stacks.deploy(template(Queue=queue(QueueName="one")))
    out = {"Name": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}, "Description": "Its name"}}
    assert stacks.deploy(template(out, Queue=queue(QueueName="one"))) == "UPDATE_COMPLETE"
    assert stacks.stack()["Outputs"] == [{"OutputKey": "Name", "OutputValue": "one", "Description": "Its name"}]


def test_a_deleted_change_set_is_not_found(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html."""
    stacks.change(template(Queue=queue()))
    assert [each["ChangeSetName"] for each in stacks.client.list_change_sets(StackName="Shop")["Summaries"]] == ["one"]
    stacks.client.delete_change_set(StackName="Shop", ChangeSetName="one")
    with pytest.raises(stacks.client.exceptions.ChangeSetNotFoundException):
        stacks.client.describe_change_set(StackName="Shop", ChangeSetName="one")


def test_an_update_changes_in_place_and_takes_away_at_the_end(stacks):  # noqa: F811
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


def test_a_creation_that_fails_is_rolled_back_and_names_its_cause(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html."""
    assert stacks.deploy(template(Queue=queue(), Rule=BROKEN)) == "ROLLBACK_COMPLETE"
    assert stacks.queues() == []
    failed = [
        event
        for event in stacks.client.describe_stack_events(StackName="Shop")["StackEvents"]
        if event["ResourceStatus"] == "CREATE_FAILED"
    ]
    assert [event["LogicalResourceId"] for event in failed] == ["Rule"]
    assert "nowhere does not exist" in failed[0]["ResourceStatusReason"]


def test_a_stack_in_rollback_complete_can_only_be_deleted(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html."""
    stacks.deploy(template(Queue=queue(), Rule=BROKEN))
    with pytest.raises(ClientError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        stacks.change(template(Queue=queue()))
    assert stacks.delete() is None
    assert stacks.deploy(template(Queue=queue())) == "CREATE_COMPLETE"


def test_an_update_that_fails_is_rolled_back_to_what_stood(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-monitor-stack.html."""
    stacks.deploy(template(Queue=queue(QueueName="one", DelaySeconds=1)))
    wrong = template(Queue=queue(QueueName="one", DelaySeconds=2), Rule=BROKEN)
    assert stacks.deploy(wrong) == "UPDATE_ROLLBACK_COMPLETE"
    url = stacks.bare.client("sqs").get_queue_url(QueueName="one")["QueueUrl"]
    found = stacks.bare.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["DelaySeconds"] == "1"
    assert stacks.deploy(template(Queue=queue(QueueName="one", DelaySeconds=2))) == "UPDATE_COMPLETE"


def test_what_is_not_made_here_is_refused_by_name_before_anything_is_made(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html.

    Refused: custom resources, and every other type that the registry does not declare.
    """
    with pytest.raises(ClientError, match="UnknownType: Custom::Thing at Thing"):
        stacks.change(template(Queue=queue(), Thing={"Type": "Custom::Thing"}))
    assert (stacks.queues(), stacks.status()) == ([], None)


def test_a_template_can_lie_in_s3_and_be_yaml_with_short_forms(stacks):  # noqa: F811
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


def test_parameters_are_given_kept_and_have_defaults(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Parameter.html."""
    declared = {"Name": {"Type": "String"}, "Delay": {"Type": "Number", "Default": 1}}
    body = template(None, declared, Queue=queue(QueueName={"Ref": "Name"}, DelaySeconds={"Ref": "Delay"}))
    stacks.deploy(body, Parameters=[{"ParameterKey": "Name", "ParameterValue": "one"}])
    kept = [{"ParameterKey": "Name", "UsePreviousValue": True}, {"ParameterKey": "Delay", "ParameterValue": "2"}]
    stacks.deploy(body, Parameters=kept)
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
def test_a_wrong_parameter_is_refused(stacks, declared, given, message):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html."""
    values = [{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()]
    with pytest.raises(ClientError, match=message):
        stacks.change(template(None, declared, Queue=queue()), Parameters=values)


def test_named_iam_resources_need_their_capability(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/control-access-with-iam.html."""
    role = {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": {"Statement": []}}}
    with pytest.raises(ClientError, match=r"Requires capabilities : \[CAPABILITY_NAMED_IAM\]"):
        stacks.change(template(Role=role), Capabilities=["CAPABILITY_IAM"])


def test_a_template_is_summarised_and_validated_without_being_made(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplateSummary.html."""
    body = json.dumps({"Description": "One", **template(None, {"Name": {"Type": "String"}}, Queue=queue())})
    summary = stacks.client.get_template_summary(TemplateBody=body)
    assert (summary["ResourceTypes"], summary["Description"]) == (["AWS::SQS::Queue"], "One")
    (parameter,) = stacks.client.validate_template(TemplateBody=body)["Parameters"]
    assert parameter["ParameterKey"] == "Name"


@pytest.mark.parametrize("body", ["{", "{}", '{"Resources": {"A": {"Type": "AWS::SQS::Queue", "Foo": 1}}}'])
def test_a_template_that_is_none_is_a_validation_error(stacks, body):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ValidateTemplate.html."""
    with pytest.raises(ClientError, match="Template format error"):
        stacks.client.validate_template(TemplateBody=body)


def test_a_template_in_a_request_has_at_most_51200_bytes(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    body = json.dumps({"Description": "x" * 51_200, **template(Queue=queue())})
    with pytest.raises(ClientError, match=r"'templateBody' failed to satisfy .* less than or equal to 51200"):
        stacks.client.validate_template(TemplateBody=body)


def test_a_template_in_a_bucket_has_at_most_a_million_bytes(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""
    body = json.dumps({"Description": "x" * 1_000_000, **template(Queue=queue())})
    stacks.bare.client("s3").create_bucket(Bucket="large")
    stacks.bare.client("s3").put_object(Bucket="large", Key="template.json", Body=body)
    with pytest.raises(ClientError, match="Template may not exceed 1000000 bytes in size"):
        stacks.client.validate_template(TemplateURL="https://s3.us-east-1.amazonaws.com/large/template.json")


def test_an_unknown_stack_is_a_validation_error(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html."""
    with pytest.raises(ClientError, match="Stack with id Shop does not exist") as refused:
        stacks.client.describe_stacks(StackName="Shop")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_what_is_not_implemented_answers_400_by_name_at_once(stacks):  # noqa: F811
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DetectStackDrift.html.

    Refused: drift detection, stack sets, imports, refactoring and generated templates.
    """
    with pytest.raises(ClientError, match="cloudformation DetectStackDrift is not implemented") as refused:
        stacks.client.detect_stack_drift(StackName="Shop")
    metadata = refused.value.response["ResponseMetadata"]
    assert (metadata["HTTPStatusCode"], metadata["RetryAttempts"]) == (400, 0)
