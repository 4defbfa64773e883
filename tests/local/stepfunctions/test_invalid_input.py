"""Input that no client of AWS's SDKs sends by accident, at the API."""

import json

import pytest
from botocore.exceptions import ClientError
from machines_kit import ROLE, chain

pytest_plugins = ("machines_fixtures",)
DEEP = "[" * 5_000 + "]" * 5_000


@pytest.fixture(scope="module")
def machine(kit):
    return kit.machine(chain(It={"Type": "Pass"}))


def nested(depth, inner):
    """Return a definition with this many Parallel states inside each other."""
    for number in range(depth):
        inner = chain(**{f"P{number}": {"Type": "Parallel", "Branches": [inner]}})
    return inner


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("not JSON", "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', "),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name'"),
        ("", "Invalid execution input.'"),
    ],
)
def test_error_of_an_invalid_input_names_what_was_expected(kit, machine, text, reason):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    with pytest.raises(ClientError) as raised:
        kit.states.start_execution(stateMachineArn=machine, input=text)
    assert raised.value.response["Error"]["Message"].startswith(f"Invalid State Machine Execution Input: '{reason}")


@pytest.mark.parametrize("text", ["NaN", '{"a": Infinity}', r'"\ud800"', DEEP, "", "{'a': 1}", "1 2"])
def test_input_that_is_not_json_is_rejected(kit, machine, text):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    with pytest.raises(ClientError, match=r"InvalidExecutionInput.*Invalid State Machine Execution Input: '"):
        kit.states.start_execution(stateMachineArn=machine, input=text)


def test_input_is_limited_in_bytes(kit, machine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    text = json.dumps("ü" * 131_072, ensure_ascii=False)
    with pytest.raises(ClientError, match=r"'input' .* size less than or equal to 262144 bytes in UTF-8 encoding"):
        kit.states.start_execution(stateMachineArn=machine, input=text)


def test_deep_input_that_is_json_runs(kit, machine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    given = "[" * 400 + "]" * 400
    execution = kit.states.start_execution(stateMachineArn=machine, input=given)["executionArn"]
    kit.cloud.settle()
    assert kit.states.describe_execution(executionArn=execution)["output"] == given


@pytest.mark.parametrize("output", ["NaN", r'"\udfff"', DEEP])
def test_output_of_a_task_that_is_not_json_is_rejected(kit, output):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    with pytest.raises(ClientError, match="InvalidOutput"):
        kit.states.send_task_success(taskToken="made-up", output=output)


@pytest.mark.parametrize(
    "definition",
    [
        '{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": NaN, "End": true}}}',
        '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Result": "\\ud800", "End": true}}}',
        DEEP,
        "null",
        '"text"',
    ],
)
def test_definition_that_is_not_json_is_rejected(kit, definition):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""
    with pytest.raises(ClientError, match="InvalidDefinition"):
        kit.states.create_state_machine(name=kit.name(), definition=definition, roleArn=ROLE)


def test_definition_of_a_megabyte_is_accepted(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""
    states = {f"S{number}": {"Type": "Pass", "Comment": "c" * 400} for number in range(2_000)}
    assert kit.output(chain(**states), {"n": 1}) == {"n": 1}


def test_definition_nested_a_thousand_times_is_answered(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""
    definition = '{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[' * 1_000
    with pytest.raises(ClientError, match="InvalidDefinition"):
        kit.states.create_state_machine(name=kit.name(), definition=definition + "]}}}" * 1_000, roleArn=ROLE)
    assert kit.output(nested(30, chain(It={"Type": "Pass"})), 7) is not None


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"stateMachineArn": 1}, "can not be converted to string"),
        ({"stateMachineArn": "a", "maxResults": float("nan")}, "can not be converted to integer"),
        ({"stateMachineArn": "a", "maxResults": True}, "can not be converted to integer"),
        ({"stateMachineArn": "a", "maxResults": 1_001}, "less than or equal to 1000"),
        ([], "can not be converted to structure"),
    ],
)
def test_parameter_of_a_wrong_type_is_rejected(kit, params, message):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html"""
    with pytest.raises(Exception, match=message):
        kit.cloud.region.answers["AWSStepFunctions.ListExecutions"](params)
