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
    """A machine that waits for a token that nobody has."""
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    parameters = {"QueueUrl": kit.queue(), "MessageBody": "{}"}
    return kit.machine(chain(It={"Type": "Task", "Resource": resource, "Parameters": parameters}))


def test_an_execution_without_a_name_gets_one(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    told = kit.run(quick)
    assert re.fullmatch(r"[0-9a-f-]{36}", told["name"])
    assert told["executionArn"] == f"{quick.replace(':stateMachine:', ':execution:')}:{told['name']}"


def test_the_same_start_of_a_running_execution_gives_it_again(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    first = kit.start(waiting, {"n": 1}, name="same")
    assert kit.start(waiting, {"n": 1}, name="same") == first
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        kit.start(waiting, {"n": 2}, name="same")


def test_a_name_is_free_again_after_ninety_days(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    kit.run(quick, name="once")
    with pytest.raises(ClientError, match="ExecutionAlreadyExists"):
        kit.start(quick, name="once")
    kit.pass_time(NINETY_DAYS + 1)
    assert kit.run(quick, name="once")["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("name", "error"), [("a b", "InvalidName"), ("a:b", "InvalidName"), ("x" * 81, "ValidationException")]
)
def test_a_name_that_aws_has_not_is_refused(kit, quick, name, error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    with pytest.raises(ClientError, match=error):
        kit.start(quick, name=name)


@pytest.mark.parametrize(
    ("text", "error"), [("{", "InvalidExecutionInput"), (json.dumps("x" * 262_144), "ValidationException")]
)
def test_an_input_that_aws_refuses_is_refused(kit, quick, text, error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    with pytest.raises(ClientError, match=error):
        kit.states.start_execution(stateMachineArn=quick, input=text)


def test_a_machine_that_is_not_there_cannot_be_started(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""
    with pytest.raises(ClientError, match="StateMachineDoesNotExist"):
        kit.start(f"{quick}x")


def test_an_execution_is_described_with_the_texts_of_its_input_and_output(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html"""
    execution = kit.start(chain(It={"Type": "Pass", "Result": "text"}), {"n": 1})
    kit.cloud.settle()
    told = kit.states.describe_execution(executionArn=execution)
    assert (told["input"], told["output"], told["outputDetails"]) == ('{"n": 1}', '"text"', {"included": True})
    assert told["startDate"] <= told["stopDate"]


def test_an_execution_that_is_stopped_has_the_error_that_was_given(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    execution = kit.start(waiting, {"n": "stop"})
    assert kit.states.stop_execution(executionArn=execution, error="Enough", cause="late")["stopDate"]
    told = kit.described(execution)
    assert (told["status"], told["error"], told["cause"]) == ("ABORTED", "Enough", "late")
    assert kit.types(execution)[-1] == "ExecutionAborted"


def test_an_execution_that_waits_is_stopped_at_once(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    execution = kit.start(chain(It={"Type": "Parallel", "Branches": [chain(A={"Type": "Wait", "Seconds": 9000})]}))
    kit.states.stop_execution(executionArn=execution)
    began = kit.now()
    kit.cloud.settle()
    assert kit.described(execution)["status"] == "ABORTED"
    assert kit.now() - began < 60


def test_an_execution_may_be_stopped_before_it_has_begun(kit):
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


def test_a_history_is_read_backwards_in_pages_and_without_data(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html"""
    execution = kit.start(quick, {"n": 1})
    kit.cloud.settle()
    page = kit.states.get_execution_history(
        executionArn=execution, reverseOrder=True, maxResults=2, includeExecutionData=False
    )
    assert [event["type"] for event in page["events"]] == ["ExecutionSucceeded", "PassStateExited"]
    assert page["events"][0]["executionSucceededEventDetails"] == {}
    assert page["nextToken"]


def test_what_a_state_assigned_stands_in_the_history(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StateExitedEventDetails.html"""
    execution = kit.start(chain(It={"Type": "Pass", "Assign": {"kept": {"a": 'b"'}}}))
    kit.cloud.settle()
    details = kit.history(execution)[2]["stateExitedEventDetails"]
    assert details["assignedVariables"] == {"kept": '{"a":"b\\""}'}


def test_the_machine_of_an_execution_is_as_it_was_at_its_start(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html"""
    first = chain(It={"Type": "Pass", "Result": 1})
    machine = kit.machine(first)
    execution = kit.start(machine)
    kit.states.update_state_machine(stateMachineArn=machine, definition=json.dumps(chain(It={"Type": "Succeed"})))
    told = kit.states.describe_state_machine_for_execution(executionArn=execution)
    assert json.loads(told["definition"]) == first


def test_a_version_runs_its_own_definition(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-version.html"""
    machine = kit.machine(chain(It={"Type": "Pass", "Result": 1}), publish=True)
    kit.states.update_state_machine(
        stateMachineArn=machine, definition=json.dumps(chain(It={"Type": "Pass", "Result": 2}))
    )
    told = kit.run(f"{machine}:1")
    assert (told["output"], told["stateMachineVersionArn"]) == (1, f"{machine}:1")
    assert kit.output(machine) == 2


def test_an_alias_leads_to_its_version(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-state-machine-alias.html"""
    machine = kit.machine(chain(It={"Type": "Pass", "Result": 1}), publish=True)
    alias = kit.states.create_state_machine_alias(
        name="live", routingConfiguration=[{"stateMachineVersionArn": f"{machine}:1", "weight": 100}]
    )["stateMachineAliasArn"]
    told = kit.run(alias)
    assert (told["output"], told["stateMachineAliasArn"]) == (1, alias)


@pytest.fixture(scope="module")
def express(kit):
    return kit.machine(chain(It={"Type": "Pass", "Parameters": {"n.$": "$.n"}}), type="EXPRESS")


def test_an_express_execution_is_answered_with_its_output(kit, express):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    told = kit.sync_client().start_sync_execution(stateMachineArn=express, input='{"n": 1}', name="it")
    assert (told["status"], told["output"], told["name"]) == ("SUCCEEDED", '{"n":1}', "it")
    assert told["billingDetails"]["billedDurationInMilliseconds"] % 100 == 0


def test_an_express_execution_that_fails_is_answered_with_its_error(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    machine = kit.machine(chain(It={"Type": "Fail", "Error": "Broken", "Cause": "old"}), type="EXPRESS")
    told = kit.sync_client().start_sync_execution(stateMachineArn=machine)
    assert (told["status"], told["error"], told["cause"]) == ("FAILED", "Broken", "old")


def test_the_clouds_own_clients_start_express_executions_without_a_setting(kit, express):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    assert kit.states.start_sync_execution(stateMachineArn=express, input='{"n": 1}')["status"] == "SUCCEEDED"


def test_a_function_starts_express_executions_without_a_setting(kit, express):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    body = "import boto3\nanswer = boto3.client('stepfunctions').start_sync_execution(**event)\nreturn answer['status']"
    given = {"stateMachineArn": express, "input": '{"n": 1}'}
    asked = {"FunctionName": kit.function(body, Timeout=30), "Payload": json.dumps(given)}
    assert kit.client("lambda").invoke(**asked)["Payload"].read() == b'"SUCCEEDED"'


def test_express_names_may_be_used_again(kit, express):
    """https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
    first, second = (kit.start(express, {"n": 1}, name="same") for _ in range(2))
    assert first != second
    assert ":express:" in first


def test_a_standard_machine_is_not_run_in_sync(kit, quick):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html"""
    with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
        kit.sync_client().start_sync_execution(stateMachineArn=quick)


def test_an_express_execution_ends_after_five_minutes(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
    machine = kit.machine(chain(It={"Type": "Wait", "Seconds": 1000}), type="EXPRESS")
    began = kit.now()
    kit.start(machine)
    kit.cloud.settle()
    assert 300 <= kit.now() - began < 360


def test_a_machine_that_is_deleted_forgets_its_executions(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DeleteStateMachine.html"""
    machine = kit.machine(chain(It={"Type": "Pass"}))
    told = kit.run(machine)
    kit.states.delete_state_machine(stateMachineArn=machine)
    with pytest.raises(ClientError, match="ExecutionDoesNotExist"):
        kit.described(told["executionArn"])
