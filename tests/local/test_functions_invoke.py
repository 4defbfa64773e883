"""Functions invoked at once: types, errors, logs, limits, throttles, versions and aliases."""

import base64
import json

import pytest
from botocore.exceptions import ClientError
from sources_kit import LAMBDA

pytest_plugins = ["sources_fixtures"]


@pytest.fixture
def client(site):
    return site.client("lambda")


def refusal(action, **given):
    with pytest.raises(ClientError) as refused:
        action(**given)
    return refused.value.response


def payload(answer):
    return json.loads(answer["Payload"].read())


def test_a_synchronous_invocation_gives_the_answer(site, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    site.function("f", "return event['n'] + 1")
    answer = client.invoke(FunctionName="f", Payload=b'{"n": 1}')
    assert (answer["StatusCode"], answer["ExecutedVersion"], payload(answer)) == (200, "$LATEST", 2)


def test_an_event_invocation_is_accepted_at_once_and_runs_later(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html"""
    site.function()
    assert client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"n": 1}')["StatusCode"] == 202
    site.settle()
    assert site.seen() == [{"n": 1}]


def test_a_dry_run_runs_nothing_and_fails_for_no_function(site, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    site.function()
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    error = refusal(client.invoke, FunctionName="none", InvocationType="DryRun")
    site.settle()
    assert (error["Error"]["Code"], site.seen()) == ("ResourceNotFoundException", [])


def test_a_function_error_is_an_answer_with_a_header(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html"""
    site.function("f", "raise RuntimeError('no')")
    answer = client.invoke(FunctionName="f")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert payload(answer)["errorMessage"] == "no"


def test_a_log_tail_holds_the_last_four_kilobytes(site, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    site.function("f", "print('first')", "print('x' * 5000)", "print('last')")
    answer = client.invoke(FunctionName="f", LogType="Tail")
    tail = base64.b64decode(answer["LogResult"]).decode()
    assert len(tail) == 4096
    assert "last\nEND RequestId: " in tail
    assert "first" not in tail
    assert "LogResult" not in client.invoke(FunctionName="f")


@pytest.mark.parametrize(("kind", "most"), [("RequestResponse", 6_291_456), ("Event", 1_048_576)])
def test_a_payload_past_the_limit_is_refused(site, client, kind, most):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    site.function("f", "return len(event)")
    fits = b'"' + b"x" * (most - 2) + b'"'
    assert "FunctionError" not in client.invoke(FunctionName="f", InvocationType=kind, Payload=fits)
    error = refusal(client.invoke, FunctionName="f", InvocationType=kind, Payload=fits[:-1] + b'x"')
    assert (error["ResponseMetadata"]["HTTPStatusCode"], error["Error"]["Code"]) == (413, "RequestTooLargeException")


def test_an_answer_past_six_megabytes_is_an_error_of_the_function(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
    site.function("f", "return 'x' * 6_291_556")
    answer = client.invoke(FunctionName="f")
    assert (answer["FunctionError"], payload(answer)["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


def test_a_payload_that_is_no_json_is_refused(site, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    site.function()
    assert refusal(client.invoke, FunctionName="f", Payload=b"{")["Error"]["Code"] == "InvalidRequestContentException"


def test_a_reserved_concurrency_of_zero_throttles_every_invocation(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
    site.function()
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    client.meta.config.retries = {"max_attempts": 0}
    error = refusal(client.invoke, FunctionName="f")
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert error["Error"]["Code"] == "TooManyRequestsException"
    assert error["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_all_versions_share_the_reserved_concurrency(site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html"""
    site.function()
    client.publish_version(FunctionName="f")
    client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=0)
    assert refusal(client.invoke, FunctionName="f", Qualifier="1")["Error"]["Code"] == "TooManyRequestsException"


# -- versions and aliases --------------------------------------------------------------------------------------------


@pytest.fixture
def versions(site, client):
    """A function with the versions 1 and 2 and the alias live, which leads to version 1."""
    tell = "return [context.function_version, context.invoked_function_arn, {}]"
    arn = site.function("f", tell.format(1))
    client.publish_version(FunctionName="f")
    site.update("f", tell.format(2))
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
def test_a_qualifier_chooses_the_version(versions, client, given, version, code, suffix):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html"""
    answer = client.invoke(**given)
    assert answer["ExecutedVersion"] == version
    assert payload(answer) == [version, versions + suffix, code]


def test_an_alias_that_is_updated_leads_to_its_new_version(versions, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-aliases.html"""
    assert payload(client.invoke(FunctionName="f", Qualifier="live"))[2] == 1
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    assert payload(client.invoke(FunctionName="f", Qualifier="live"))[2] == 2


def test_a_weighted_alias_leads_to_both_of_its_versions(versions, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html"""
    weights = {"AdditionalVersionWeights": {"2": 0.5}}
    client.update_alias(FunctionName="f", Name="live", FunctionVersion="1", RoutingConfig=weights)
    found = {client.invoke(FunctionName="f", Qualifier="live")["ExecutedVersion"] for _ in range(20)}
    assert found == {"1", "2"}


def test_an_unknown_qualifier_is_not_found(versions, client):
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html"""
    error = refusal(client.invoke, FunctionName="f", Qualifier="none")["Error"]
    assert error["Message"] == f"Function not found: {versions}:none"


def test_the_log_of_a_version_names_it(versions, site, client):
    """https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html"""
    client.invoke(FunctionName="f", Qualifier="1")
    logged = site.client("logs").filter_log_events(logGroupName="/aws/lambda/f")["events"]
    assert logged[0]["message"].endswith("Version: 1")
    assert "[1]" in logged[0]["logStreamName"]
