"""TestState. Messages and inspection data are as AWS was recorded to return them."""

import json

import pytest
from botocore.exceptions import ClientError
from machines_kit import ROLE, chain

pytest_plugins = ("machines_fixtures",)
PASS = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "Parameters": {"Entries": []}, "End": True}
START = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": {}, "End": True}
MAP = {"Type": "Map", "ItemsPath": "$.all", "ItemProcessor": chain(Each={"Type": "Pass"}), "End": True}
PARALLEL = {"Type": "Parallel", "Branches": [chain(A={"Type": "Pass"}), chain(B={"Type": "Pass"})], "End": True}


@pytest.fixture
def tested(kit):
    """Test a state; return the response without metadata, with texts parsed."""

    def test(state, given=None, mock=None, **more):
        more |= {"mock": mock} if mock else {"roleArn": ROLE}
        found = kit.states.test_state(definition=json.dumps(state), input=json.dumps(given or {}), **more)
        del found["ResponseMetadata"]
        return found | ({"output": json.loads(found["output"])} if "output" in found else {})

    return test


def result(value, **more):
    return {"result": json.dumps(value), **more}


def error(name, cause="why"):
    return {"errorOutput": {"error": name, "cause": cause}}


def test_state_returns_output_status_and_next_state(tested):
    """https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html"""
    state = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "One"}]}
    assert tested(state, {"n": 1}) == {"status": "SUCCEEDED", "nextState": "One", "output": {"n": 1}}


def test_failed_state_returns_its_error(tested):
    """https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html"""
    state = {"Type": "Fail", "Error": "Broken", "Cause": "old"}
    assert tested(state) == {"status": "FAILED", "error": "Broken", "cause": "old"}


def test_debug_level_returns_each_step_of_the_data(tested):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_InspectionData.html"""
    state = {**PASS, "InputPath": "$.a", "Parameters": {"n.$": "$.n"}, "ResultPath": "$.made"}
    data = tested(state, {"a": {"n": 1}}, inspectionLevel="DEBUG")["inspectionData"]
    assert {name: json.loads(value) for name, value in data.items()} == {
        "input": {"a": {"n": 1}},
        "afterInputPath": {"n": 1},
        "afterParameters": {"n": 1},
        "afterResultSelector": {"n": 1},
        "afterResultPath": {"a": {"n": 1}, "made": {"n": 1}},
    }


def test_state_of_a_definition_is_tested_by_name(tested):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html"""
    definition = chain(First={"Type": "Pass"}, Inner={"Type": "Map", "ItemProcessor": chain(Deep={"Type": "Succeed"})})
    assert tested(definition, {"n": 1}, stateName="First")["nextState"] == "Inner"
    assert tested(definition, {"n": 1}, stateName="Deep")["output"] == {"n": 1}
    with pytest.raises(ClientError, match="State not found in definition"):
        tested(definition, stateName="Gone")


def test_variables_are_available(tested):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html"""
    assert tested({**PASS, "Parameters": {"n.$": "$n"}}, variables='{"n": 7}')["output"] == {"n": 7}


def test_mocked_task_calls_no_service(tested):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_MockInput.html"""
    entries = {"Entries": [{"EventId": "1"}], "FailedEntryCount": 0}
    assert tested(TASK, mock=result(entries))["output"] == entries


def test_mocked_callback_task_has_the_result_as_output(tested):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html"""
    state = {**TASK, "Resource": f"{TASK['Resource']}.waitForTaskToken"}
    assert tested(state, mock=result({"n": 1}))["output"] == {"n": 1}


def test_mocked_error_is_retriable_until_the_retries_are_used(tested):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestStateConfiguration.html"""
    state = {**TASK, "Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 3, "MaxAttempts": 2}]}
    first = tested(state, mock=error("Busy"), inspectionLevel="DEBUG")
    assert (first["status"], first["error"]) == ("RETRIABLE", "Busy")
    assert first["inspectionData"]["errorDetails"] == {"retryIndex": 0, "retryBackoffIntervalSeconds": 3}
    last = tested(state, mock=error("Busy"), stateConfiguration={"retrierRetryCount": 2})
    assert last == {"status": "FAILED", "error": "Busy", "cause": "why"}


def test_caught_error_returns_the_next_state(tested):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html"""
    catch = [{"ErrorEquals": ["Other"], "Next": "A"}, {"ErrorEquals": ["Busy"], "Next": "B"}]
    found = tested({**TASK, "Catch": catch}, mock=error("Busy"), inspectionLevel="DEBUG")
    assert (found["status"], found["nextState"], found["error"]) == ("CAUGHT_ERROR", "B", "Busy")
    assert found["output"] == {"Error": "Busy", "Cause": "why"}
    assert found["inspectionData"]["errorDetails"] == {"catchIndex": 1}


def test_mocked_map_has_the_result_as_output(tested):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_InspectionData.html"""
    state = {**MAP, "MaxConcurrency": 3, "ResultSelector": {"found.$": "$"}}
    found = tested(state, {"all": [1, 2]}, mock=result([2, 4]), inspectionLevel="DEBUG")
    assert (found["output"], found["inspectionData"]["maxConcurrency"]) == ({"found": [2, 4]}, 3)


def test_mocked_map_fails_over_its_tolerated_failures(tested):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestStateConfiguration.html"""
    config = {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    processor = {"ProcessorConfig": config, **MAP["ItemProcessor"]}
    state = {**MAP, "ItemProcessor": processor, "ToleratedFailureCount": 1}
    found = tested(state, {"all": [1]}, mock=result([1]), stateConfiguration={"mapIterationFailureCount": 2})
    assert (found["status"], found["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")


ONLY_TASKS = "InvalidDefinition.*TestState API does not support Map or Parallel states"


@pytest.mark.parametrize(
    ("state", "mock", "message"),
    [
        (PASS, result({}), "State type 'Pass' is not supported when a mock is specified"),
        (TASK, result({}) | error("Busy"), r"only one of the following fields: \[result, errorOutput\]"),
        (TASK, {"result": "{"}, "Mocked result must be valid JSON"),
        (MAP, None, ONLY_TASKS),
        (PARALLEL, None, ONLY_TASKS),
        (MAP, result({}), "Mocked result must be an array"),
        (PARALLEL, result([1]), "the same number of items as number of Parallel branches"),
        ({**TASK, "Resource": f"{TASK['Resource']}.waitForTaskToken"}, None, "only when a mock is specified"),
        ({"Type": "Sleep"}, None, "InvalidDefinition"),
    ],
)
def test_unsupported_combination_is_rejected(tested, state, mock, message):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html"""
    with pytest.raises(ClientError, match=message):
        tested(state, mock=mock)


def test_task_without_a_role_or_a_mock_is_rejected(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html"""
    with pytest.raises(ClientError, match="RoleArn must be specified when testing a Task state"):
        kit.states.test_state(definition=json.dumps(TASK))


@pytest.mark.parametrize(
    ("state", "mocked", "problem"),
    [
        (TASK, {"Entries": {}}, "Field 'Entries' must be an array"),
        (TASK, {"Entries": [{"EventId": 1}]}, "Field 'EventId' must be a string"),
        (START, {"StartDate": "now"}, "Required field 'ExecutionArn' is missing"),
        (START, {"ExecutionArn": "a", "StartDate": 1}, "Field 'StartDate' must be a string"),
    ],
)
def test_mocked_result_is_validated_with_the_model_of_the_service(tested, state, mocked, problem):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_MockInput.html"""
    with pytest.raises(ClientError, match=f"Mock result schema validation error: {problem}"):
        tested(state, mock=result(mocked))
    assert tested(state, mock=result(mocked, fieldValidationMode="NONE"))["status"] == "SUCCEEDED"
