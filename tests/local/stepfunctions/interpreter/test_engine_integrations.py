"""Parameters, responses and errors of services, by botocore's models."""

from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.interpreter.integrations import failures, shapes


def operation(service, name):
    return failures.model_of(service).operation_model(name)


def test_parameters_in_pascal_case_are_renamed_as_the_model_has_them():
    """https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html"""
    shape = operation("aws-sdk:cloudwatchlogs", "CreateLogGroup").input_shape
    assert shapes.request({"LogGroupName": "g", "Tags": {"A_b": "c"}}, shape) == {
        "logGroupName": "g",
        "tags": {"A_b": "c"},
    }


def test_object_becomes_json_where_the_model_has_a_text():
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-sqs.html"""
    shape = operation("sqs", "SendMessage").input_shape
    assert shapes.request({"QueueUrl": "q", "MessageBody": {"n": 1}}, shape) == {
        "QueueUrl": "q",
        "MessageBody": '{"n":1}',
    }


def test_response_of_an_sdk_integration_is_in_pascal_case():
    """https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html"""
    shape = operation("aws-sdk:cloudwatchlogs", "DescribeLogGroups").output_shape
    found = shapes.response({"logGroups": [{"logGroupName": "g"}]}, shape, in_pascal_case=True)
    assert found == {"LogGroups": [{"LogGroupName": "g"}]}


def test_attribute_values_of_dynamodb_keep_their_names():
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html"""
    shape = operation("dynamodb", "GetItem").output_shape
    item = {"Item": {"id": {"S": "a"}, "ok": {"BOOL": True}}}
    assert shapes.response(item, shape, in_pascal_case=False) == item


def test_times_and_bytes_of_a_response_are_texts():
    """https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html"""
    shape = operation("aws-sdk:s3", "GetObject").output_shape
    response = {"LastModified": datetime(2020, 1, 1, tzinfo=UTC), "Body": b"\xff"}
    found = shapes.response(response, shape, in_pascal_case=True)
    assert found == {"LastModified": "2020-01-01T00:00:00.000Z", "Body": "/w=="}


@pytest.mark.parametrize(
    ("service", "code", "expected"),
    [
        ("states", "ExecutionAlreadyExists", "StepFunctions.ExecutionAlreadyExistsException"),
        ("states", "AccessDeniedException", "StepFunctions.AWSStepFunctionsException"),
        ("lambda", "ResourceNotFoundException", "Lambda.ResourceNotFoundException"),
        ("lambda", "AccessDeniedException", "Lambda.AWSLambdaException"),
        ("events", "AccessDeniedException", "EventBridge.AmazonEventBridgeException"),
    ],
)
def test_error_is_named_by_the_model_or_after_the_service(service, code, expected):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    error = failures.of_api_error(service, ApiError(code, "No."), "id")
    assert error.error == expected
    assert error.cause.endswith(f"Status Code: 400; Error Code: {code}; Request ID: id; Proxy: null)")


@pytest.mark.parametrize(
    ("service", "expected"),
    [("dynamodb", "DynamoDB.AmazonDynamoDBException"), ("aws-sdk:sqs", "Sqs.SdkClientException")],
)
def test_wrong_parameters_are_an_error_that_can_be_caught(service, expected):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    error = failures.of_parameters(service, TypeError("no text"))
    assert error.error == expected
    assert error.matches(["States.TaskFailed"])


def test_cause_of_an_sdk_error_has_the_service_and_the_request():
    """https://docs.aws.amazon.com/step-functions/latest/dg/supported-services-awssdk.html"""
    metadata = {"HTTPStatusCode": 404, "RequestId": "r", "HostId": "h"}
    response = {"Error": {"Code": "NoSuchKey", "Message": "Gone."}, "ResponseMetadata": metadata}
    error = failures.of_client_error("aws-sdk:s3", ClientError(response, "GetObject"))
    assert error.error == "S3.S3Exception"
    assert error.cause == "Gone. (Service: S3, Status Code: 404, Request ID: r, Extended Request ID: h)"
