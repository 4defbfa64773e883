import json

import pytest
from botocore.exceptions import ClientError
from machines_kit import chain

pytest_plugins = ("machines_fixtures",)


def reading(**config):
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": config,
        "Parameters": {"Bucket": "b", "Key": "k"},
    }
    processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **chain(A={"Type": "Pass"})}
    return {"Type": "Map", "ItemReader": reader, "ItemProcessor": processor}


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (reading(InputType="PARQUET"), "PARQUET"),
        (reading(InputType="CSV", Transformation="LOAD_AND_FLATTEN"), "LOAD_AND_FLATTEN"),
    ],
)
def test_unsupported_state_fails_the_creation_of_the_state_machine(kit, state, named):
    """https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
    Refused: Parquet, LOAD_AND_FLATTEN.
    """
    with pytest.raises(ClientError, match=f"InvalidDefinition.*local cloud.*{named}"):
        kit.machine(chain(It=state))


@pytest.mark.parametrize("job", ["ecs:runTask.sync", "glue:startJobRun.sync", "bedrock:invokeModel"])
def test_task_of_a_service_that_is_not_run_fails_its_execution(kit, job):
    """https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html
    Refused: ECS, Glue, Batch, Bedrock and other optimised integrations, when an execution reaches the state.
    """
    error, cause = kit.failure(chain(It={"Type": "Task", "Resource": f"arn:aws:states:::{job}", "Parameters": {}}))
    assert (error, f"does not run the integration {job.partition(':')[0]}" in cause) == ("States.Runtime", True)


@pytest.mark.parametrize(
    ("definition", "text"),
    [
        ({"StartAt": "A", "States": {"B": {"Type": "Succeed"}}}, "MISSING_TRANSITION_TARGET"),
        (chain(A={"Type": "Pass", "Next": "Gone"}), "MISSING_TRANSITION_TARGET"),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass"}}}, "needs either Next or End"),
        (chain(A={"Type": "Passing"}), "SCHEMA_VALIDATION_FAILED"),
        (chain(A={"Type": "Task", "Resource": "it"}), "not a valid resource ARN"),
        (chain(A={"Type": "Parallel", "Branches": [chain(A={"Type": "Pass"})]}), "not unique"),
        ([], "INVALID_JSON_DESCRIPTION"),
    ],
)
def test_invalid_definition_fails(kit, definition, text):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""
    with pytest.raises(ClientError, match=f"InvalidDefinition.*{text}"):
        kit.machine(definition)


@pytest.mark.parametrize("pattern", [".sync:2", ".waitForTaskToken"])
def test_express_state_machine_does_not_support_waiting_tasks(kit, pattern):
    """https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
    it = {"Type": "Task", "Resource": f"arn:aws:states:::states:startExecution{pattern}", "Parameters": {}}
    with pytest.raises(ClientError, match="Express state machine does not support"):
        kit.machine(chain(It=it), type="EXPRESS")


def test_update_is_checked(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html"""
    machine = kit.machine(chain(It={"Type": "Pass"}))
    with pytest.raises(ClientError, match="InvalidDefinition"):
        kit.states.update_state_machine(stateMachineArn=machine, definition="{}")


def test_name_of_another_state_machine_fails(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html"""
    first = kit.machine(chain(It={"Type": "Pass"}), name="taken")
    assert kit.machine(chain(It={"Type": "Pass"}), name="taken") == first
    with pytest.raises(ClientError, match="StateMachineAlreadyExists"):
        kit.machine(chain(It={"Type": "Succeed"}), name="taken")


def test_definition_is_validated(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ValidateStateMachineDefinition.html"""
    validate = kit.states.validate_state_machine_definition
    assert validate(definition=json.dumps(chain(It={"Type": "Pass"})))["result"] == "OK"
    found = validate(definition=json.dumps(chain(It={"Type": "Pass", "Next": "X"})))
    diagnostic = found["diagnostics"][0]
    assert (found["result"], diagnostic["severity"], diagnostic["code"]) == (
        "FAIL",
        "ERROR",
        "MISSING_TRANSITION_TARGET",
    )
