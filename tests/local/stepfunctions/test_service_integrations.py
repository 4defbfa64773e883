import json

import pytest
from machines_kit import ROLE, chain

pytest_plugins = ("machines_fixtures",)


def call(resource, parameters, **more):
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, **more}


def test_message_is_sent_to_a_queue(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html"""
    url = kit.queue()
    output = kit.output(chain(It=call("sqs:sendMessage", {"QueueUrl": url, "MessageBody.$": "$"})), {"n": 1})
    assert kit.messages(url) == [{"n": 1}]
    assert {"MD5OfMessageBody", "MessageId"} <= output.keys()


def test_response_of_an_optimized_integration_has_its_http_metadata(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    output = kit.output(chain(It=call("sqs:sendMessage", {"QueueUrl": kit.queue(), "MessageBody": "a"})))
    metadata, request_id = output["SdkHttpMetadata"], output["SdkResponseMetadata"]["RequestId"]
    assert metadata["HttpHeaders"]["x-amzn-RequestId"] == request_id
    assert metadata["AllHttpHeaders"]["x-amzn-RequestId"] == [request_id]
    assert (metadata["HttpStatusCode"], metadata["HttpHeaders"]["Content-Type"]) == (200, "application/x-amz-json-1.0")


def test_null_is_a_missing_parameter_of_a_service(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html"""
    it = call("sqs:sendMessage", {"QueueUrl": kit.queue(), "MessageBody": None})
    error, cause = kit.failure(chain(It=it))
    assert error == "SQS.AmazonSQSException"
    assert cause.startswith(
        "The request must contain the parameter MessageBody. (Service: AmazonSQS; Status Code: 400;"
    )


def test_message_to_an_unknown_queue_fails_the_task(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html"""
    it = call("sqs:sendMessage", {"QueueUrl": f"{kit.queue()}x", "MessageBody": "{}"})
    assert kit.failure(chain(It=it))[0].startswith("SQS.")


def test_message_is_published_to_a_topic(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-sns.html"""
    topic = kit.client("sns").create_topic(Name=kit.name())["TopicArn"]
    output = kit.output(chain(It=call("sns:publish", {"TopicArn": topic, "Message": {"n": 1}})))
    assert output["MessageId"]


@pytest.fixture
def bus_with_queue(kit):
    """A bus, and a function that reads the queue of all its events."""
    bus, url = kit.name(), kit.queue()
    arn = kit.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    kit.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events = kit.client("events")
    events.create_event_bus(Name=bus)
    events.put_rule(Name=bus, EventBusName=bus, EventPattern='{"source": [{"prefix": ""}]}')
    events.put_targets(Rule=bus, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
    return bus, lambda: kit.messages(url)


def test_event_has_state_machine_and_execution_as_resources(kit, bus_with_queue):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html"""
    bus, messages = bus_with_queue
    entry = {"Source": "x.y", "DetailType": "It", "Detail.$": "$", "EventBusName": bus}
    execution = kit.start(chain(It=call("events:putEvents", {"Entries": [entry]})), {"n": 1})
    kit.cloud.settle()
    (envelope,) = messages()
    assert (envelope["detail"], envelope["detail-type"]) == ({"n": 1}, "It")
    assert envelope["resources"] == [kit.describe(execution)["stateMachineArn"], execution]


def test_rejected_entry_fails_the_task(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html"""
    entry = {"Source": "aws.own", "DetailType": "It", "Detail": {}}
    execution = kit.start(chain(It=call("events:putEvents", {"Entries": [entry]})))
    kit.cloud.settle()
    found = kit.describe(execution)
    assert found["error"] == "EventBridge.FailedEntry"
    assert json.loads(found["cause"])["FailedEntryCount"] == 1


@pytest.fixture(scope="module")
def table(kit):
    name = kit.name()
    kit.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def test_item_is_put_updated_read_and_deleted(kit, table):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html"""
    key = {"id": {"S.$": "$.id"}}
    update = {
        "TableName": table,
        "Key": key,
        "UpdateExpression": "SET n = n + :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    definition = chain(
        Put=call("dynamodb:putItem", {"TableName": table, "Item": {**key, "n": {"N": "1"}}}, ResultPath=None),
        Update=call("dynamodb:updateItem", update, ResultPath=None),
        Get=call("dynamodb:getItem", {"TableName": table, "Key": key}, ResultPath="$.got"),
        Delete=call("dynamodb:deleteItem", {"TableName": table, "Key": key}, ResultPath=None, OutputPath="$.got.Item"),
    )
    assert kit.output(definition, {"id": "a"}) == {"id": {"S": "a"}, "n": {"N": "2"}}


def test_failed_condition_is_named_by_dynamodb(kit, table):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html"""
    parameters = {"TableName": table, "Item": {"id": {"S": "a"}}, "ConditionExpression": "attribute_exists(id)"}
    error, cause = kit.failure(chain(It=call("dynamodb:putItem", parameters)))
    assert error == "DynamoDB.ConditionalCheckFailedException"
    assert "The conditional request failed" in cause


def test_path_without_a_value_is_a_runtime_error(kit, table):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    it = call("dynamodb:getItem", {"TableName": table, "Key": {"id": {"S.$": "$.missing"}}})
    assert kit.failure(chain(It=it))[0] == "States.Runtime"


def test_any_sdk_operation_can_be_called(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html"""
    name = kit.name()
    definition = chain(
        Make=call("aws-sdk:ssm:putParameter", {"Name": name, "Value": "1", "Type": "String"}, ResultPath=None),
        Get=call("aws-sdk:ssm:getParameter", {"Name": name}),
    )
    parameter = kit.output(definition)["Parameter"]
    assert (parameter["Value"], parameter["Version"]) == ("1", 1)
    assert parameter["LastModifiedDate"].startswith("20")


def test_sdk_parameters_are_in_pascal_case(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html"""
    group = f"/{kit.name()}"
    definition = chain(
        Make=call("aws-sdk:cloudwatchlogs:createLogGroup", {"LogGroupName": group}, ResultPath=None),
        Get=call("aws-sdk:cloudwatchlogs:describeLogGroups", {"LogGroupNamePrefix": group}),
    )
    assert kit.output(definition)["LogGroups"][0]["LogGroupName"] == group


@pytest.mark.parametrize(
    ("resource", "parameters", "name"),
    [
        ("s3:getObject", {"Bucket": "no-such-bucket-here", "Key": "k"}, "S3.NoSuchBucketException"),
        ("sqs:getQueueUrl", {"QueueName": "no-such-queue"}, "Sqs.QueueDoesNotExistException"),
        ("dynamodb:describeTable", {"TableName": "no-such-table"}, "DynamoDb.ResourceNotFoundException"),
        ("sfn:describeStateMachine", {"StateMachineArn": f"{ROLE}"}, "Sfn.InvalidArnException"),
        ("eventbridge:describeRule", {"Name": "no-such-rule"}, "EventBridge.ResourceNotFoundException"),
    ],
)
def test_sdk_error_is_named_after_service_and_exception(kit, resource, parameters, name):
    """https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html"""
    assert kit.failure(chain(It=call(f"aws-sdk:{resource}", parameters)))[0] == name


@pytest.fixture
def child(kit):
    definition = chain(Wait={"Type": "Wait", "Seconds": 500}, Make={"Type": "Pass", "Parameters": {"n.$": "$.n"}})
    return kit.machine(definition)


def start(machine, pattern="", **more):
    execution_input = {"n.$": "$.n", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id"}
    return call(f"states:startExecution{pattern}", {"StateMachineArn": machine, "Input": execution_input}, **more)


def test_execution_is_started_without_waiting(kit, child):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html"""
    output = kit.output(chain(It=start(child)), {"n": 1})
    assert output["ExecutionArn"].startswith(child.replace(":stateMachine:", ":execution:"))
    assert kit.describe(output["ExecutionArn"])["output"] == {"n": 1}


@pytest.mark.parametrize(("pattern", "output"), [(".sync", '{"n":1}'), (".sync:2", {"n": 1})])
def test_execution_is_awaited(kit, child, pattern, output):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html"""
    before = kit.now()
    found = kit.output(chain(It=start(child, pattern)), {"n": 1})
    assert (found["Status"], found["Output"]) == ("SUCCEEDED", output)
    assert isinstance(found["StartDate"], int)
    assert 500 <= kit.now() - before < 560


def test_failed_execution_fails_the_waiting_task(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html"""
    failing = kit.machine(chain(It={"Type": "Fail", "Error": "Broken", "Cause": "old"}))
    error, cause = kit.failure(chain(It=start(failing, ".sync:2")), {"n": 1})
    found = json.loads(cause)
    assert error == "States.TaskFailed"
    assert (found["Status"], found["Error"], found["Cause"]) == ("FAILED", "Broken", "old")


def test_existing_execution_name_fails_the_task(kit, child):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html"""
    parameters = {"StateMachineArn": child, "Name": "once", "Input": {"n": 1}}
    again = {**parameters, "Input": {"n": 2}}
    definition = chain(A=call("states:startExecution", parameters), B=call("states:startExecution", again))
    assert kit.failure(definition)[0] == "StepFunctions.ExecutionAlreadyExistsException"
