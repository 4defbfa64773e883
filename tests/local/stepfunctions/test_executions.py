import json
import re

import pytest
from botocore.exceptions import ClientError
from machines_kit import chain

from millrace.local.services.stepfunctions import StepFunctions

pytest_plugins = ("machines_fixtures",)
NINETY_DAYS = 90 * 24 * 3600


@pytest.fixture(scope="module")
def quick(kit):
    return kit.machine(chain(It={"Type": "Pass"}))


@pytest.fixture(scope="module")
def waiting(kit):
    """A state machine that waits for a task token."""
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    parameters = {"QueueUrl": kit.queue(), "MessageBody": "{}"}
    return kit.machine(chain(It={"Type": "Task", "Resource": resource, "Parameters": parameters}))


def test_execution_without_a_name_gets_a_uuid(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    found = kit.run(quick)
    assert re.fullmatch(r"[0-9a-f-]{36}", found["name"])
    assert found["executionArn"] == f"{quick.replace(':stateMachine:', ':execution:')}:{found['name']}"


def test_same_start_of_a_running_execution_returns_it(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    first = kit.start(waiting, {"n": 1}, name="same")
    assert kit.start(waiting, {"n": 1}, name="same") == first
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        kit.start(waiting, {"n": 2}, name="same")


def test_name_can_be_used_again_after_ninety_days(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    kit.run(quick, name="once")
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        kit.start(quick, name="once")
    kit.advance(NINETY_DAYS + 1)
    assert kit.run(quick, name="once")["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("name", "error"), [("a b", "InvalidName"), ("a:b", "InvalidName"), ("x" * 81, "ValidationException")]
)
def test_invalid_name_fails(kit, quick, name, error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    with pytest.raises(ClientError, match=error):
        kit.start(quick, name=name)


@pytest.mark.parametrize(
    ("text", "error"), [("{", "InvalidExecutionInput"), (json.dumps("x" * 262_144), "ValidationException")]
)
def test_invalid_input_fails(kit, quick, text, error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    with pytest.raises(ClientError, match=error):
        kit.states.start_execution(stateMachineArn=quick, input=text)


def test_unknown_state_machine_cannot_be_started(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        kit.start(f"{quick}x")


def test_described_execution_has_input_and_output_as_text(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html"""
    execution = kit.start(chain(It={"Type": "Pass", "Result": "text"}), {"n": 1})
    kit.cloud.settle()
    found = kit.states.describe_execution(executionArn=execution)
    assert (found["input"], found["output"], found["outputDetails"]) == ('{"n": 1}', '"text"', {"included": True})
    assert found["startDate"] <= found["stopDate"]


def test_stopped_execution_has_the_given_error(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    execution = kit.start(waiting, {"n": "stop"})
    assert kit.states.stop_execution(executionArn=execution, error="Enough", cause="late")["stopDate"]
    found = kit.describe(execution)
    assert (found["status"], found["error"], found["cause"]) == ("ABORTED", "Enough", "late")
    assert kit.event_types(execution)[-1] == "ExecutionAborted"


def test_waiting_execution_is_stopped_immediately(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    execution = kit.start(chain(It={"Type": "Parallel", "Branches": [chain(A={"Type": "Wait", "Seconds": 9000})]}))
    kit.states.stop_execution(executionArn=execution)
    start = kit.now()
    kit.cloud.settle()
    assert kit.describe(execution)["status"] == "ABORTED"
    assert kit.now() - start < 60


def test_execution_can_be_stopped_before_its_first_state(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    branch = chain(A={"Type": "Wait", "Seconds": 9000})
    machine = kit.machine(chain(It={"Type": "Parallel", "Branches": [branch]}))
    executions = [
        kit.cloud.on_loop(lambda: kit.cloud.region.service(StepFunctions).start(machine, "{}")) for _ in range(50)
    ]
    for execution in executions:
        execution.stop(None, None)
    kit.cloud.settle()
    assert {execution.status for execution in executions} == {"ABORTED"}


def test_executions_are_listed_newest_first_and_by_status(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html"""
    machine = kit.machine(chain(It={"Type": "Pass"}))
    names = [kit.run(machine, name=f"n{number}")["name"] for number in range(3)]
    pages = kit.states.get_paginator("list_executions").paginate(
        stateMachineArn=machine, PaginationConfig={"PageSize": 2}
    )
    assert [each["name"] for page in pages for each in page["executions"]] == names[::-1]
    assert kit.states.list_executions(stateMachineArn=machine, statusFilter="FAILED")["executions"] == []


def test_history_can_be_reversed_paged_and_without_data(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html"""
    execution = kit.start(quick, {"n": 1})
    kit.cloud.settle()
    page = kit.states.get_execution_history(
        executionArn=execution, reverseOrder=True, maxResults=2, includeExecutionData=False
    )
    assert [event["type"] for event in page["events"]] == ["ExecutionSucceeded", "PassStateExited"]
    assert page["events"][0]["executionSucceededEventDetails"] == {}
    assert page["nextToken"]


def test_history_has_assigned_variables(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StateExitedEventDetails.html"""
    execution = kit.start(chain(It={"Type": "Pass", "Assign": {"kept": {"a": 'b"'}}}))
    kit.cloud.settle()
    details = kit.history(execution)[2]["stateExitedEventDetails"]
    assert details["assignedVariables"] == {"kept": '{"a":"b\\""}'}


def test_state_machine_of_an_execution_is_as_at_its_start(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html"""
    first = chain(It={"Type": "Pass", "Result": 1})
    machine = kit.machine(first)
    execution = kit.start(machine)
    kit.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(chain(It={"Type": "Succeed"})))
    found = kit.states.describe_state_machine_for_execution(executionArn=execution)
    assert json.loads(found["definition"]) == first


def test_version_runs_its_own_definition(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-version.html"""
    machine = kit.machine(chain(It={"Type": "Pass", "Result": 1}), publish=True)
    kit.states.update_state_machine(
        stateMachineArn=machine, definition=json.dumps(chain(It={"Type": "Pass", "Result": 2}))
    )
    found = kit.run(f"{machine}:1")
    assert (found["output"], found["stateMachineVersionArn"]) == (1, f"{machine}:1")
    assert kit.output(machine) == 2


def test_alias_runs_its_version(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-alias.html"""
    machine = kit.machine(chain(It={"Type": "Pass", "Result": 1}), publish=True)
    alias = kit.states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": f"{machine}:1", "weight": 100}]
    )["stateMachineAliasArn"]
    found = kit.run(alias)
    assert (found["output"], found["stateMachineAliasArn"]) == (1, alias)


@pytest.fixture(scope="module")
def express(kit):
    return kit.machine(chain(It={"Type": "Pass", "Parameters": {"n.$": "$.n"}}), type="EXPRESS")


def test_express_execution_returns_its_output(kit, express):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    found = kit.sync_client().start_sync_execution(stateMachineArn=express, input='{"n": 1}', name="it")
    assert (found["status"], found["output"], found["name"]) == ("SUCCEEDED", '{"n":1}', "it")
    assert found["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0


def test_failed_express_execution_returns_its_error(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    machine = kit.machine(chain(It={"Type": "Fail", "Error": "Broken", "Cause": "old"}), type="EXPRESS")
    found = kit.sync_client().start_sync_execution(stateMachineArn=machine)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Broken", "old")


def test_clients_of_the_cloud_start_express_executions_without_configuration(kit, express):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    assert kit.states.start_sync_execution(stateMachineArn=express, input='{"n": 1}')["status"] == "SUCCEEDED"


def test_function_starts_express_executions_without_configuration(kit, express):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    body = "import boto3\nanswer = boto3.client('stepfunctions').start_sync_execution(**event)\nreturn answer['status']"
    request = {"stateMachineArn": express, "input": '{"n": 1}'}
    invocation = {"FunctionName": kit.function(body, Timeout=30), "Payload": json.dumps(request)}
    assert kit.client("lambda").invoke(**invocation)["Payload"].read() == b'"SUCCEEDED"'


def test_name_of_an_express_execution_can_be_used_again(kit, express):
    """https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
    first, second = (kit.start(express, {"n": 1}, name="same") for _ in range(2))
    assert first != second
    assert ":express:" in first


def test_standard_state_machine_cannot_run_synchronously(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
        kit.sync_client().start_sync_execution(stateMachineArn=quick)


def test_express_execution_ends_after_five_minutes(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
    machine = kit.machine(chain(It={"Type": "Wait", "Seconds": 1000}), type="EXPRESS")
    start = kit.now()
    kit.start(machine)
    kit.cloud.settle()
    assert 300 <= kit.now() - start < 360


def test_executions_of_a_deleted_state_machine_are_deleted(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html"""
    machine = kit.machine(chain(It={"Type": "Pass"}))
    found = kit.run(machine)
    kit.states.delete_state_machine(stateMachineArn=machine)
    with pytest.raises(ClientError, match="ExecutionDoesNotExist"):
        kit.describe(found["executionArn"])
