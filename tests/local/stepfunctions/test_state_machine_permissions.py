"""Tasks of a state machine are authorized by its role."""

import json

import pytest
from machines_kit import TRUST, chain, task

pytest_plugins = ["machines_fixtures"]

ACCOUNT = "123456789012"


@pytest.fixture
def role(kit):
    """Create a role that allows these actions on a resource; return its ARN."""

    def create(*actions, resource="*", **condition):
        name, iam = kit.name(), kit.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
        allowed = {"Effect": "Allow", "Action": actions or ["logs:CreateLogStream"], "Resource": resource, **condition}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=document)
        return arn

    return create


def call(resource, parameters, **more):
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, **more}


def outcome(kit, role, state):
    """Run one state with a role; return the error or status of the execution, and the cause."""
    execution = kit.run(kit.machine(chain(It=state), roleArn=role))
    return execution.get("error", execution["status"]), execution.get("cause")


@pytest.fixture
def calls(kit):
    """Tasks by the action that they require, with the resources that they use."""
    url, bus = kit.queue(), kit.client("events").create_event_bus(Name=kit.name())["EventBusArn"]
    topic = kit.client("sns").create_topic(Name=kit.name())["TopicArn"]
    table = kit.name()
    kit.client("dynamodb").create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    function, machine = kit.function("return 1"), kit.machine(chain(It={"Type": "Pass"}))
    entry = {"Source": "x.y", "DetailType": "It", "Detail": {}, "EventBusName": bus}
    item = {"TableName": table, "Item": {"id": {"S": "1"}}}
    return {
        "dynamodb:PutItem": call("dynamodb:putItem", item),
        "events:PutEvents": call("events:putEvents", {"Entries": [entry]}),
        "lambda:InvokeFunction": call("lambda:invoke", {"FunctionName": function}),
        "sns:Publish": call("sns:publish", {"TopicArn": topic, "Message": "hi"}),
        "sqs:SendMessage": call("sqs:sendMessage", {"QueueUrl": url, "MessageBody": "hi"}),
        "states:StartExecution": call("states:startExecution", {"StateMachineArn": machine}),
        "sdk": call("aws-sdk:dynamodb:putItem", item),
        "plain": task(function),
    }


ERRORS = [
    ("dynamodb:PutItem", "DynamoDB.AmazonDynamoDBException"),
    ("events:PutEvents", "EventBridge.AmazonEventBridgeException"),
    ("lambda:InvokeFunction", "Lambda.AWSLambdaException"),
    ("sns:Publish", "SNS.AuthorizationErrorException"),
    ("sqs:SendMessage", "SQS.AmazonSQSException"),
    ("states:StartExecution", "StepFunctions.AWSStepFunctionsException"),
]


@pytest.mark.parametrize(("action", "error"), ERRORS)
def test_task_without_permission_of_the_role_fails(kit, role, calls, action, error):
    """https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html"""
    name, cause = outcome(kit, role(), calls[action])
    assert name == error
    assert f"is not authorized to perform: {action}".lower() in cause.lower()


@pytest.mark.parametrize("action", [action for action, _ in ERRORS])
def test_task_with_permission_of_the_role_succeeds(kit, role, calls, action):
    """https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html"""
    assert outcome(kit, role(action), calls[action]) == ("SUCCEEDED", None)


def test_denied_sdk_call_is_named_after_the_service(kit, role, calls):
    """https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html"""
    assert outcome(kit, role(), calls["sdk"])[0] == "DynamoDb.DynamoDbException"


def test_function_as_resource_is_authorized(kit, role, calls):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    name, cause = outcome(kit, role(), calls["plain"])
    assert name == "Lambda.AWSLambdaException"
    assert "Status Code: 403; Error Code: AccessDeniedException" in cause


def test_denial_is_caught_as_a_failed_task(kit, role, calls):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    caught = {**calls["sqs:SendMessage"], "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Recover"}]}
    execution = kit.run(kit.machine(chain(It=caught, Recover={"Type": "Pass"}), roleArn=role()))
    assert execution["status"] == "SUCCEEDED"


def test_role_can_be_limited_to_a_version_of_a_function(kit, role):
    """https://docs.aws.amazon.com/step-functions/latest/dg/lambda-iam.html"""
    function = kit.function("return 1")
    version = kit.client("lambda").publish_version(FunctionName=function)["FunctionArn"]
    only = role("lambda:InvokeFunction", resource=version)
    assert outcome(kit, only, task(version))[0] == "SUCCEEDED"
    assert outcome(kit, only, task(function))[0] == "Lambda.AWSLambdaException"


def test_role_can_be_limited_to_events(kit, role, calls):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"""
    condition = {"Condition": {"StringEquals": {"events:detail-type": "Another"}}}
    assert outcome(kit, role("events:PutEvents", **condition), calls["events:PutEvents"])[0].startswith("EventBridge.")


def test_policy_of_a_queue_can_allow_the_role(kit, role, calls):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html"""
    role_arn, state = role(), calls["sqs:SendMessage"]
    allowed = {"Effect": "Allow", "Principal": {"AWS": role_arn}, "Action": "sqs:SendMessage", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    kit.client("sqs").set_queue_attributes(QueueUrl=state["Parameters"]["QueueUrl"], Attributes={"Policy": document})
    assert outcome(kit, role_arn, state)[0] == "SUCCEEDED"


def test_items_of_an_object_are_read_with_the_role(kit, role):
    """https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html"""
    kit.client("s3").create_bucket(Bucket="items-denied")
    kit.client("s3").put_object(Bucket="items-denied", Key="k", Body=b"[1]")
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "JSON"},
        "Parameters": {"Bucket": "items-denied", "Key": "k"},
    }
    inner = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **chain(Each={"Type": "Pass"})}
    error, cause = outcome(kit, role(), {"Type": "Map", "ItemReader": reader, "ItemProcessor": inner})
    assert error == "States.ItemReaderFailed"
    assert "not authorized to perform: s3:GetObject" in cause
