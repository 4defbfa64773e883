"""The rules of aliases, and of event invoke configurations, which AWS has recorded answers for."""

import pytest
from lambda_fixtures import site  # noqa: F401 a fixture
from lambda_kit import LAMBDA
from test_functions_api import error, functions  # noqa: F401 a fixture

MAP_RULE = (
    "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have value "
    "greater than or equal to 0.0, Member must not be null]"
)


@pytest.fixture
def versions(functions):  # noqa: F811
    """The function f with the versions 1 and 2."""
    functions.publish_version(FunctionName="f")
    functions.update_function_configuration(FunctionName="f", Timeout=9)
    functions.publish_version(FunctionName="f")
    return functions


@pytest.mark.parametrize(
    ("version", "weights", "message"),
    [
        ("1", {"1": 0.8, "2": 0.2}, "Number of items in AdditionalVersionWeights cannot be greater than 1"),
        ("1", {"1": 0.5}, "Function version 1 is already included in routing configuration."),
        ("1", {"9": 0.5}, f"Function not found: {LAMBDA}f:9"),
        ("$LATEST", {"1": 0.5}, "$LATEST is not supported for an alias pointing to more than 1 version"),
        (
            "1",
            {"$LATEST": 0.5},
            "Map keys must satisfy constraint: [Member must have length less than or equal to 1024",
        ),
        (
            "1",
            {"2": 2.0},
            f"Value '{{2=2.0}}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: {MAP_RULE}",
        ),
    ],
)
def test_alias_with_an_invalid_routing_configuration_is_refused(versions, version, weights, message):
    """https://docs.aws.amazon.com/lambda/latest/dg/configuring-alias-routing.html"""
    routing = {"AdditionalVersionWeights": weights}
    given = {"FunctionName": "f", "Name": "live", "FunctionVersion": version, "RoutingConfig": routing}
    assert message in error(versions.create_alias, **given)[2]
    assert versions.list_aliases(FunctionName="f")["Aliases"] == []


def test_alias_that_exists_is_a_conflict_and_a_name_of_digits_is_invalid(versions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_CreateAlias.html"""
    alias = {"FunctionName": "f", "Name": "live", "FunctionVersion": "1"}
    assert "RoutingConfig" not in versions.create_alias(**alias, RoutingConfig={"AdditionalVersionWeights": {}})
    assert error(versions.create_alias, **alias)[:2] == (409, "ResourceConflictException")
    assert error(versions.create_alias, **alias | {"Name": "12"})[1] == "ValidationException"


def test_update_of_an_alias_has_a_new_revision_and_needs_the_latest_one(versions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateAlias.html"""
    alias = {"FunctionName": "f", "Name": "live"}
    before = versions.create_alias(**alias, FunctionVersion="1")["RevisionId"]
    changed = versions.update_alias(**alias, FunctionVersion="2", RevisionId=before)
    assert (changed["FunctionVersion"], changed["RevisionId"] == before) == ("2", False)
    assert error(versions.update_alias, **alias, RevisionId=before)[:2] == (412, "PreconditionFailedException")


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ({}, 400, "You must specify at least one of error handling or destination setting."),
        ({"FunctionName": "absent"}, 404, "The function doesn't exist."),
        ({"Qualifier": "absent"}, 404, "The function doesn't exist."),
        ({"FunctionName": "f:1", "Qualifier": "$LATEST"}, 400, "The derived qualifier from the function name does not"),
        (
            {"MaximumRetryAttempts": 3},
            400,
            "'maximumRetryAttempts' failed to satisfy constraint: Member must have value less",
        ),
        ({"OnSuccess": f"{LAMBDA}f"}, 400, "You can't specify the function as a destination for itself."),
        ({"OnSuccess": f"{LAMBDA}absent"}, 400, f"The destination ARN {LAMBDA}absent is invalid."),
        (
            {"OnSuccess": "arn:aws:iam::123456789012:role/r"},
            400,
            "(onSuccess=OnSuccess(destination=arn:aws:iam::123456789012:role/r), onFailure=null) is invalid.",
        ),
        (
            {"OnFailure": "arn:aws:_!:us-east-1:1:f"},
            400,
            "at 'destinationConfig.onFailure.destination' failed to satisfy",
        ),
    ],
)
def test_invalid_event_invoke_config_is_refused(functions, given, status, message):  # noqa: F811
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html"""
    outcomes = {name: {"Destination": given.pop(name)} for name in ("OnSuccess", "OnFailure") if name in given}
    config = {"DestinationConfig": outcomes} if outcomes else {}
    config |= {"MaximumRetryAttempts": 1} if "FunctionName" in given or "Qualifier" in given else {}
    found = error(functions.put_function_event_invoke_config, **{"FunctionName": "f"} | config | given)
    assert found[0] == status
    assert message in found[2]


def test_each_version_and_alias_has_an_event_invoke_config_of_its_own(versions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctionEventInvokeConfigs.html"""
    versions.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    for number, name in enumerate(("f", "f:1", f"{LAMBDA}f:live")):
        versions.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=number)
    listed = versions.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"]
    retries = {each["FunctionArn"]: each["MaximumRetryAttempts"] for each in listed}
    assert retries == {f"{LAMBDA}f:$LATEST": 0, f"{LAMBDA}f:1": 1, f"{LAMBDA}f:live": 2}
    assert listed[0]["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}


def test_put_replaces_an_event_invoke_config_and_update_changes_it(functions):  # noqa: F811
    """https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionEventInvokeConfig.html"""
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=2, MaximumEventAgeInSeconds=60)
    updated = functions.update_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=0)
    assert (updated["MaximumRetryAttempts"], updated["MaximumEventAgeInSeconds"]) == (0, 60)
    replaced = functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    assert "MaximumEventAgeInSeconds" not in replaced


def test_event_invoke_config_that_does_not_exist_is_named_with_its_qualifier(functions):  # noqa: F811
    """https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html"""
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    functions.delete_function_event_invoke_config(FunctionName="f")
    missing = f"The function {LAMBDA}f:$LATEST doesn't have an EventInvokeConfig"
    for action in (functions.get_function_event_invoke_config, functions.delete_function_event_invoke_config):
        assert error(action, FunctionName="f") == (404, "ResourceNotFoundException", missing)


def test_event_invoke_configs_end_with_their_function(site, functions):  # noqa: F811
    """https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html"""
    functions.put_function_event_invoke_config(FunctionName="f", MaximumRetryAttempts=1)
    functions.delete_function(FunctionName="f")
    site.function()
    assert functions.list_function_event_invoke_configs(FunctionName="f")["FunctionEventInvokeConfigs"] == []


def test_latest_version_cannot_be_deleted_alone(functions):  # noqa: F811
    """https://docs.aws.amazon.com/lambda/latest/api/API_DeleteFunction.html"""
    message = "$LATEST version cannot be deleted without deleting the function."
    for given in ({"FunctionName": "f", "Qualifier": "$LATEST"}, {"FunctionName": f"{LAMBDA}f:$LATEST"}):
        assert error(functions.delete_function, **given) == (400, "InvalidParameterValueException", message)
    assert functions.get_function(FunctionName="f")["Configuration"]["State"] == "Active"


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"Qualifier": "$LATEST"}, "InvalidParameterValueException", "We currently do not support adding policies for"),
        (
            {"StatementId": "example.com"},
            "ValidationException",
            "Value 'example.com' at 'statementId' failed to satisfy",
        ),
        ({"Qualifier": "42"}, "ResourceNotFoundException", f"Function not found: {LAMBDA}f:42"),
    ],
)
def test_invalid_permission_is_refused(functions, changed, code, message):  # noqa: F811
    """https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html"""
    given = {"StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    found = error(functions.add_permission, **{"FunctionName": "f"} | given | changed)
    assert found[1] == code
    assert message in found[2]


def test_concurrency_is_reserved_for_functions_only(versions):
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionConcurrency.html"""
    given = {"FunctionName": f"{LAMBDA}f:1", "ReservedConcurrentExecutions": 1}
    message = (
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation."
    )
    assert error(versions.put_function_concurrency, **given)[2].startswith(message)
