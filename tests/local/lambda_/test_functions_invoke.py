"""The Invoke operation: types, errors, logs, limits, throttling, versions and aliases."""

import base64
import json

import pytest
from botocore.exceptions import ClientError
from lambda_kit import LAMBDA, code

pytest_plugins = ["lambda_fixtures"]


@pytest.fixture
def client(site):
    return site.client("lambda")


def failure(action, **given):
    with pytest.raises(ClientError) as raised:
        action(**given)
    return raised.value.response


def payload(response):
    return json.loads(response["Payload"].read())


def test_synchronous_invocation_returns_the_response(site, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    site.function("f", "return event['n'] + 1")
    answer = client.invoke(FunctionName="f", Payload=b'{"n": 1}')
    assert (answer["StatusCode"], answer["ExecutedVersion"], payload(answer)) == (200, "$LATEST", 2)


def test_event_invocation_returns_202_and_runs_later(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html"""
    site.function()
    assert client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')["StatusCode"] == 202
    site.settle()
    assert site.seen() == [{"n": 1}]


def test_dry_run_does_not_run_the_function_and_fails_if_it_does_not_exist(site, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    site.function()
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    error = failure(client.invoke, FunctionName="none", InvocationType="DryRun")
    site.settle()
    assert (error["Error"]["Code"], site.seen()) == ("ResourceNotFoundException", [])


def test_function_error_is_a_response_with_a_header(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""
    site.function("f", "raise RuntimeError('no')")
    answer = client.invoke(FunctionName="f")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert payload(answer)["errorMessage"] == "no"


def test_log_tail_has_the_last_4_kb(site, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    site.function("f", "print('first')", "print('x' * 5000)", "print('last')")
    answer = client.invoke(FunctionName="f", LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert len(tail) == 4096
    assert "last\nEND RequestId: " in tail
    assert "first" not in tail
    assert "LogResult" not in client.invoke(FunctionName="f")


@pytest.mark.parametrize(("kind", "limit"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_payload_above_the_limit_is_rejected(site, client, kind, limit):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    site.function("f", "return len(event)")
    largest = b'"' + b"x" * (limit - 2) + b'"'
    assert "FunctionError" not in client.invoke(FunctionName="f", InvocationType=kind, Payload=largest)
    error = failure(client.invoke, FunctionName="f", InvocationType=kind, Payload=largest[:-1] + b'x"')
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (413, "RequestTooLargeException")


def test_response_above_6_mb_is_a_function_error(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    site.function("f", "return 'x' * 6_291_556")
    answer = client.invoke(FunctionName="f")
    assert (answer["FunctionError"], payload(answer)["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


def test_payload_that_is_not_json_is_rejected(site, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    site.function()
    assert failure(client.invoke, FunctionName="f", Payload=b"{")["Error"]["Code"] == "InvalidRequestContentException"


def test_zero_reserved_concurrency_throttles_every_invocation(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
    site.function()
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    client.meta.config.retries = {"max_attempts": 0}
    error = failure(client.invoke, FunctionName="f")
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert error["Error"]["Code"] == "TooManyRequestsException"
    assert error["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_versions_share_the_reserved_concurrency(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
    site.function()
    client.publish_version(FunctionName="f")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert failure(client.invoke, FunctionName="f", Qualifier="1")["Error"]["Code"] == "TooManyRequestsException"


# -- versions and aliases --------------------------------------------------------------------------------------------


@pytest.fixture
def versions(site, client):
    """A function with versions 1 and 2 and the alias live of version 1."""
    source = "return [context.function_version, context.invoked_function_arn, {}]"
    arn = site.function("f", source.format(1))
    client.publish_version(FunctionName="f")
    site.update("f", source.format(2))
    client.publish_version(FunctionName="f")
    client.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    return arn


@pytest.mark.parametrize(
    ("given", "version", "code", "suffix"),
    [
        ({"FunctionName": "f"}, "$LATEST", 2, ""),
        ({"FunctionName": "f", "Qualifier": "1"}, "1", 1, ":1"),
        ({"FunctionName": "f:2"}, "2", 2, ":2"),
        ({"FunctionName": "f", "Qualifier": "live"}, "1", 1, ":live"),
        ({"FunctionName": f"{LAMBDA}f:live"}, "1", 1, ":live"),
    ],
)
def test_qualifier_selects_the_version(versions, client, given, version, code, suffix):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html"""
    answer = client.invoke(**given)
    assert answer["ExecutedVersion"] == version
    assert payload(answer) == [version, versions + suffix, code]


def test_updated_alias_invokes_its_new_version(versions, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html"""
    assert payload(client.invoke(FunctionName="f", Qualifier="live"))[2] == 1
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert payload(client.invoke(FunctionName="f", Qualifier="live"))[2] == 2


def test_weighted_alias_invokes_both_versions(versions, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html"""
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=weights)
    found = {client.invoke(FunctionName="f", Qualifier="live")["ExecutedVersion"] for _ in range(20)}
    assert found == {"1", "2"}


def test_unknown_qualifier_is_not_found(versions, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    error = failure(client.invoke, FunctionName="f", Qualifier="none")["Error"]
    assert error["Message"] == f"Function not found: {versions}:none"


def test_log_of_a_version_has_its_number(versions, site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""
    client.invoke(FunctionName="f", Qualifier="1")
    logged = site.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
    assert logged[0]["message"].endswith("Version: 1")
    assert "[1]" in logged[0]["logStreamName"]


def test_deleted_log_group_is_created_again_by_the_next_invocation(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html"""
    site.function()
    invoke, logs = site.client("lambda").invoke, site.client("logs")
    invoke(FunctionName="f")
    logs.delete_log_group(logGroupName="/aws/lambda/f")
    invoke(FunctionName="f", InvocationType="Event")
    site.settle()
    assert len(site.seen()) == 2
    assert logs.describe_log_streams(logGroupName="/aws/lambda/f")["logStreams"]


def test_function_keeps_a_layer_version_that_was_deleted(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/creating-deleting-layers.html"""
    functions = site.client("lambda")
    layer = functions.publish_layer_version(LayerName="layer", Content={"ZipFile": code()})
    site.function(Layers=[layer["LayerVersionArn"]])
    functions.delete_layer_version(LayerName="layer", VersionNumber=1)
    assert "FunctionError" not in functions.invoke(FunctionName="f")


def test_trace_header_of_the_caller_reaches_the_function(site):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html"""
    trace = "Root=1-63441c4a-abcdef012345678912345678;Parent=0123456789abcdef;Sampled=1"
    site.function("f", "return os.environ['_X_AMZN_TRACE_ID']")
    functions = site.client("lambda")

    def add_header(request, **_):
        request.headers["X-Amzn-Trace-Id"] = trace

    functions.meta.events.register("before-send.lambda.Invoke", add_header)
    answer = functions.invoke(FunctionName="f")
    functions.meta.events.unregister("before-send.lambda.Invoke", add_header)
    assert json.load(answer["Payload"]).startswith(trace)


def test_account_without_free_concurrency_throttles(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html"""
    site.function()
    site.cloud.limit_concurrency(0)
    error = failure(client.invoke, FunctionName="f")
    assert (error["Error"]["Code"], error["Reason"]) == (
        "TooManyRequestsException",
        "ConcurrentInvocationLimitExceeded",
    )


def test_reservation_must_leave_100_executions_unreserved(site, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html"""
    site.function()
    site.cloud.limit_concurrency(110)
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=10)
    error = failure(client.put_function_concurrency, FunctionName="f", ReservedConcurrentExecutions=11)
    assert "below its minimum value of [100]" in error["Error"]["Message"]
