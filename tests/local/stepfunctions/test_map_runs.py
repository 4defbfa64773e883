import pytest
from botocore.exceptions import ClientError
from machines_kit import chain, task
from test_map_and_parallel import map_state

pytest_plugins = ("machines_fixtures",)
BROKEN = {"Type": "Fail", "Error": "Broken"}


@pytest.fixture
def map_run(kit):
    """Run a distributed Map over two items; return its Map Run and its child executions."""

    def run(state, **more):
        execution = kit.start(chain(It=map_state(chain(Each=state), "DISTRIBUTED", **more)), [1, 2])
        kit.cloud.settle()
        (found,) = kit.states.list_map_runs(executionArn=execution)["mapRuns"]
        children = kit.states.list_executions(mapRunArn=found["mapRunArn"])["executions"]
        return found, children

    return run


def test_child_executions_are_listed_described_and_have_a_history(kit, map_run):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html"""
    run, children = map_run({"Type": "Pass"})
    child = kit.describe(children[0]["executionArn"])
    assert [each["mapRunArn"] for each in (*children, child)] == [run["mapRunArn"]] * 3
    assert sorted(kit.describe(each["executionArn"])["output"] for each in children) == [1, 2]
    assert kit.event_types(child["executionArn"])[0] == "ExecutionStarted"


def test_child_executions_are_filtered_by_status(kit, map_run):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html"""
    run, _ = map_run({"Type": "Pass"})
    listed = kit.states.list_executions
    assert listed(mapRunArn=run["mapRunArn"], statusFilter="FAILED")["executions"] == []
    assert len(listed(mapRunArn=run["mapRunArn"], redriveFilter="NOT_REDRIVEN")["executions"]) == 2
    with pytest.raises(ClientError, match="Must provide a StateMachine ARN or MapRun ARN"):
        listed()


def test_child_execution_is_redriven_by_its_map_run_only(kit, map_run):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html"""
    _, children = map_run(BROKEN, ToleratedFailureCount=2)
    child = kit.describe(children[0]["executionArn"])
    assert child["redriveStatus"] == "REDRIVABLE_BY_MAP_RUN"
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        kit.states.redrive_execution(executionArn=child["executionArn"])


def test_definition_of_a_child_execution_is_that_of_its_parent(kit, map_run):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachineForExecution.html"""
    run, children = map_run({"Type": "Pass"})
    found = kit.states.describe_state_machine_for_execution(executionArn=children[0]["executionArn"])
    assert found["mapRunArn"] == run["mapRunArn"]


def test_limits_of_a_running_map_run_can_be_updated(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateMapRun.html"""
    activity = kit.states.create_activity(name=kit.name())["activityArn"]
    execution = kit.start(chain(It=map_state(chain(Each=task(activity)), "DISTRIBUTED", MaxConcurrency=1)), [1, 2])
    kit.cloud.settle()
    (run,) = kit.states.list_map_runs(executionArn=execution)["mapRuns"]
    kit.states.update_map_run(mapRunArn=run["mapRunArn"], maxConcurrency=7, toleratedFailurePercentage=50.0)
    found = kit.states.describe_map_run(mapRunArn=run["mapRunArn"])
    assert (found["maxConcurrency"], found["toleratedFailurePercentage"]) == (7, 50.0)
    kit.states.stop_execution(executionArn=execution)
    with pytest.raises(ClientError, match="ValidationException"):
        kit.states.update_map_run(mapRunArn=run["mapRunArn"], maxConcurrency=1)


def test_unknown_map_run_is_named(kit):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeMapRun.html"""
    arn = "arn:aws:states:us-east-1:123456789012:mapRun:m/l:1"
    with pytest.raises(ClientError, match=f"ResourceNotFound.*Resource not found: '{arn}'"):
        kit.states.describe_map_run(mapRunArn=arn)
