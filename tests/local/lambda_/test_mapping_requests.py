"""Requests for event source mappings: states, and errors as Lambda words them."""

import pytest
from botocore.exceptions import ClientError

pytest_plugins = ["lambda_fixtures"]

STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
UNKNOWN = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def functions(site):
    return site.client("lambda")


def error(action, **given):
    with pytest.raises(ClientError) as raised:
        action(**given)
    found = raised.value.response
    return found["ResponseMetadata"]["HTTPStatusCode"], found["Error"]["Code"], found["Error"]["Message"]


def test_invalid_mapping_is_rejected(site, functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    queue = site.queue()
    site.function()
    on_success = {"DestinationConfig": {"OnSuccess": {"Destination": queue.arn}}}
    for given, message in (
        ({}, "Unrecognized event source."),
        ({"EventSourceArn": f"{queue.arn}x"}, "Error occurred while ReceiveMessage. SQS Error Code: "),
        ({"EventSourceArn": queue.arn, "FunctionName": "g"}, "Function does not exist"),
        ({"EventSourceArn": queue.arn, "StartingPosition": "LATEST"}, "StartingPosition is not valid for SQS event "),
        (
            {"EventSourceArn": STREAM, "StartingPosition": "LATEST", "StartingPositionTimestamp": 1},
            "Timestamp only valid with StartingPosition AT_TIMESTAMP",
        ),
        (
            {"EventSourceArn": STREAM, "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": -1},
            "Received Exception while reading from provided stream. class java.lang.Long can not be converted to",
        ),
        (
            {"EventSourceArn": STREAM, "StartingPosition": "LATEST", **on_success},
            "Unsupported DestinationConfig parameter for given event source mapping type.",
        ),
    ):
        status, code, text = error(functions.create_event_source_mapping, **{"FunctionName": "f", **given})
        assert (status, code, text[: len(message)]) == (400, "InvalidParameterValueException", message)


def test_unknown_starting_position_is_answered_with_the_known_ones_in_the_order_of_aws(site, functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    given = {"FunctionName": "f", "EventSourceArn": STREAM, "StartingPosition": "0"}
    status, code, text = error(functions.create_event_source_mapping, **given)
    assert (status, code) == (400, "ValidationException")
    assert text.endswith("Member must satisfy enum value set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]")


def test_mapping_passes_through_its_states(site, functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateEventSourceMapping.html"""
    site.function()
    created = functions.create_event_source_mapping(EventSourceArn=site.queue().arn, FunctionName="f")
    name = created["UUID"]
    changes = [{"BatchSize": 5}, {"Enabled": False}, {"Enabled": True}]
    states = [functions.update_event_source_mapping(UUID=name, **change)["State"] for change in changes]
    assert (created["ResponseMetadata"]["HTTPStatusCode"], created["State"]) == (202, "Creating")
    assert states == ["Updating", "Disabling", "Enabling"]
    assert functions.delete_event_source_mapping(UUID=name)["State"] == "Deleting"


@pytest.mark.parametrize("operation", ["get", "update", "delete"])
def test_unknown_mapping_is_not_found(functions, operation):
    """https://docs.aws.amazon.com/lambda/latest/api/API_DeleteEventSourceMapping.html"""
    found = error(getattr(functions, f"{operation}_event_source_mapping"), UUID=UNKNOWN)
    assert found == (404, "ResourceNotFoundException", "The resource you requested does not exist.")


def test_versions_of_an_unknown_function_are_not_found(functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_ListVersionsByFunction.html"""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    found = error(functions.list_versions_by_function, FunctionName="f")
    assert found == (404, "ResourceNotFoundException", f"Function not found: {arn}")


def test_event_invoke_configuration_names_the_version(site, functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html"""
    site.function()
    config = functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    assert config["FunctionArn"].endswith(":function:f:$LATEST")
