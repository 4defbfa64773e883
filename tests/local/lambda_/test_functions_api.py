"""The fields, statuses and errors of Lambda's API."""

import pytest
from botocore.exceptions import ClientError
from lambda_kit import LAMBDA, code

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def functions(site):
    site.function()
    return site.client("lambda")


def error(action, **given):
    """Return the status, code and message of an error."""
    with pytest.raises(ClientError) as raised:
        action(**given)
    response = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"], response["Error"]["Message"]


def test_configuration_has_logging_runtime_version_and_revision(functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html"""
    found = functions.get_function_configuration(FunctionName="f")
    assert found["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
    assert found["RuntimeVersionConfig"]["RuntimeVersionArn"].startswith("arn:aws:lambda:us-east-1::runtime:")
    assert (found["State"], found["LastUpdateStatus"]) == ("Active", "Successful")


def test_each_change_has_a_new_revision_and_starts_in_progress(functions):
    """https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html"""
    before = functions.get_function_configuration(FunctionName="f")["RevisionId"]
    changed = functions.update_function_configuration(FunctionName=f"{LAMBDA}f", Timeout=9)
    assert changed["LastUpdateStatus"] == "InProgress"
    assert changed["RevisionId"] != before
    found = error(functions.update_function_configuration, FunctionName="f", RevisionId=before)
    assert found[:2] == (412, "PreconditionFailedException")


def test_qualified_latest_version_has_a_qualified_arn(functions):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html"""
    plain = functions.get_function_configuration(FunctionName="f")
    qualified = functions.get_function_configuration(FunctionName="f", Qualifier="$LATEST")
    assert (plain["FunctionArn"], qualified["FunctionArn"]) == (f"{LAMBDA}f", f"{LAMBDA}f:$LATEST")


def test_new_function_is_pending(site, functions):
    """https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html"""
    given = {"Runtime": "python3.13", "Role": site.role, "Handler": "h.handler", "Code": {"ZipFile": code()}}
    made = functions.create_function(FunctionName="g", **given)
    assert (made["State"], made["StateReasonCode"]) == ("Pending", "Creating")
    functions.get_waiter("function_active_v2").wait(FunctionName="g")


def test_aliases_and_permissions_have_their_statuses(functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_DeleteAlias.html"""
    functions.publish_version(FunctionName="f")
    alias = {"FunctionName": "f", "Name": "live"}
    permission = {"FunctionName": "f", "StatementId": "s", "Action": "lambda:InvokeFunction"}
    calls = [
        functions.create_alias(**alias, FunctionVersion="1"),
        functions.get_alias(**alias),
        functions.delete_alias(**alias),
        functions.add_permission(**permission, Principal="events.amazonaws.com"),
    ]
    assert [call["ResponseMetadata"]["HTTPStatusCode"] for call in calls] == [201, 200, 204, 201]
    again = error(functions.add_permission, **permission, Principal="events.amazonaws.com")
    assert again[:2] == (409, "ResourceConflictException")


def test_function_of_another_region_or_account_is_not_reached(functions):
    """https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html

    Refused: calls for functions of other accounts.
    """
    other_region = error(functions.get_function, FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:f")
    assert other_region[:2] == (404, "ResourceNotFoundException")
    other_account = error(functions.invoke, FunctionName="arn:aws:lambda:us-east-1:444455556666:function:f")
    assert other_account[:2] == (403, "AccessDeniedException")


def test_account_settings_count_functions_and_concurrency(functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_GetAccountSettings.html"""
    functions.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=5)
    found = functions.get_account_settings()
    assert found["AccountUsage"]["FunctionCount"] == 1
    assert found["AccountLimit"]["UnreservedConcurrentExecutions"] == 995


def test_recursion_configuration_is_kept(functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionRecursionConfig.html

    Differs: the local cloud does not stop recursive loops.
    """
    assert functions.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Terminate"
    functions.put_function_recursion_config(FunctionName="f", RecursiveLoop="Allow")
    assert functions.get_function_recursion_config(FunctionName="f")["RecursiveLoop"] == "Allow"


def test_second_mapping_of_a_source_to_a_function_is_rejected(site, functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    queue = site.queue()
    known = site.mapping(queue)
    found = error(functions.create_event_source_mapping, EventSourceArn=queue.arn, FunctionName="f")
    assert found[:2] == (409, "ResourceConflictException")
    assert found[2].endswith(f"Please update or delete the existing mapping with UUID {known}")


def test_batch_above_ten_needs_a_batching_window(site, functions):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    queue = site.queue()
    given = {"EventSourceArn": queue.arn, "FunctionName": "f", "BatchSize": 11}
    found = error(functions.create_event_source_mapping, **given)
    assert found[2].startswith("Maximum batch window in seconds must be greater than 0")
    assert functions.create_event_source_mapping(**given, MaximumBatchingWindowInSeconds=1)["State"] == "Creating"


def test_stream_needs_a_starting_position(site, functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html"""
    found = error(functions.create_event_source_mapping, EventSourceArn=site.stream().arn, FunctionName="f")
    assert "Value null at 'startingPosition' failed to satisfy constraint" in found[2]


def test_mapping_has_the_defaults_of_its_source(site, functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_GetEventSourceMapping.html"""
    mappings = [site.mapping(source) for source in (site.queue(), site.stream())]
    queue, stream = (functions.get_event_source_mapping(UUID=each) for each in mappings)
    assert (queue["StateTransitionReason"], queue["FunctionResponseTypes"]) == ("USER_INITIATED", [])
    assert (stream["StateTransitionReason"], stream["MaximumRetryAttempts"]) == ("User action", -1)


LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:l"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"Timeout": 901},
            "Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or",
        ),
        ({"MemorySize": 10_241}, "at 'memorySize' failed to satisfy constraint: Member must have value less than or"),
        ({"Environment": {"Variables": {"A": "x" * 4096}}}, 'exceeded the 4KB limit. String measured: {"A":"xxx'),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "Reserved keys used in this request: AWS_REGION"),
        ({"Layers": [f"{LAYER}{number}:1" for number in range(6)]}, "Cannot reference more than 5 layers."),
        ({"Layers": [f"{LAYER}:1", f"{LAYER}:2"]}, f"{LAYER}:1 and {LAYER}:2 are versions of the same layer."),
        ({"Layers": [f"{LAYER}:9"]}, f"Layer version {LAYER}:9 does not exist."),
        (
            {"Layers": [LAYER]},
            f"Value '[{LAYER}]' at 'layers' failed to satisfy constraint: Member must satisfy constraint",
        ),
        (
            {"Handler": ""},
            "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
        ),
    ],
    ids=[
        "timeout",
        "memory",
        "4 KB",
        "reserved",
        "six layers",
        "versions of a layer",
        "unknown layer",
        "no version",
        "no handler",
    ],
)
def test_configuration_that_lambda_refuses_is_refused(site, functions, given, message):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    whole = {"Runtime": "python3.13", "Role": site.role, "Handler": "h.handler", "Code": {"ZipFile": code()}}
    assert message in error(functions.create_function, FunctionName="g", **whole | given)[2]
    if "Handler" not in given:
        assert message in error(functions.update_function_configuration, FunctionName="f", **given)[2]


def test_version_is_published_only_of_the_code_and_revision_that_are_named(functions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html"""
    latest = functions.get_function_configuration(FunctionName="f")
    found = error(functions.publish_version, FunctionName="f", CodeSha256="abc")
    assert found[2].startswith(
        f"CodeSHA256 (abc) is different from current CodeSHA256 in $LATEST ({latest['CodeSha256']})"
    )
    assert error(functions.publish_version, FunctionName="f", RevisionId="r")[:2] == (
        412,
        "PreconditionFailedException",
    )
    named = {"CodeSha256": latest["CodeSha256"], "RevisionId": latest["RevisionId"]}
    assert functions.publish_version(FunctionName="f", **named)["Version"] == "1"
