"""RedriveExecution: an execution continues with the state that failed."""

from collections import Counter

import pytest
from botocore.exceptions import ClientError
from machines_kit import chain, task
from test_map_and_parallel import map_state, parallel

pytest_plugins = ("machines_fixtures",)

DAY = 24 * 3600
FAIL_UNLESS_FIXED = "if not os.environ.get('FIXED'):\n    raise ValueError('broken')\n"


@pytest.fixture(scope="module")
def broken(kit):
    """A function that fails until it is fixed, and then returns its event."""
    return kit.function(f"{FAIL_UNLESS_FIXED}return event")


@pytest.fixture
def fix(kit, broken):
    """Fix that function for one test."""

    def set_variables(**variables):
        kit.client("lambda").update_function_configuration(FunctionName=broken, Environment={"Variables": variables})

    yield lambda: set_variables(FIXED="yes")
    set_variables()


@pytest.fixture
def redriven(kit):
    """Redrive an execution and settle; return its description."""

    def redrive(execution):
        kit.states.redrive_execution(executionArn=execution)
        kit.cloud.settle()
        return kit.describe(execution)

    return redrive


@pytest.fixture
def failed(kit):
    """Run an execution, which must fail; return its ARN."""

    def run(definition, given=None, status="FAILED"):
        found = kit.run(definition, given)
        assert found["status"] == status, found
        return found["executionArn"]

    return run


@pytest.fixture
def redrive_error(kit):
    """Return the error code and message of a rejected redrive."""

    def redrive(execution):
        with pytest.raises(ClientError) as failure:
            kit.states.redrive_execution(executionArn=execution)
        return failure.value.response["Error"]["Code"], failure.value.response["Error"]["Message"]

    return redrive


def entered(kit, execution):
    """Count how often each state was entered."""
    found = [event.get("stateEnteredEventDetails", {}).get("name") for event in kit.history(execution)]
    return Counter(name for name in found if name)


def test_redriven_execution_continues_with_the_failed_state(kit, broken, fix, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = failed(chain(First={"Type": "Pass", "Result": 7}, It=task(broken), Last={"Type": "Pass"}), {"n": 1})
    fix()
    found = redriven(execution)
    assert (found["executionArn"], found["status"], found["output"]) == (execution, "SUCCEEDED", 7)
    assert entered(kit, execution) == {"First": 1, "It": 1, "Last": 1}


def test_history_of_a_redriven_execution_continues(kit, broken, fix, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html"""
    execution = failed(chain(It=task(broken)))
    before = kit.event_types(execution)
    fix()
    redriven(execution)
    following = kit.history(execution)[len(before) :]
    assert following[0]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    assert [event["type"] for event in following] == [
        *("ExecutionRedriven", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"),
        *("TaskStateExited", "ExecutionSucceeded"),
    ]
    assert [event["id"] for event in kit.history(execution)] == list(range(1, len(before) + 7))


def test_described_execution_counts_redrives(kit, broken, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html"""
    execution = failed(chain(It=task(broken)))
    before = kit.describe(execution)
    assert (before["redriveCount"], before["redriveStatus"]) == (0, "REDRIVABLE")
    found = [redriven(execution), redriven(execution)][-1]
    assert (found["status"], found["error"], found["redriveCount"]) == ("FAILED", "ValueError", 2)
    assert found["startDate"] < found["redriveDate"] <= found["stopDate"]


def test_context_object_has_the_redrive_and_the_original_entered_time(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
    Differs: AWS does not document that a redriven state keeps its EnteredTime, as it is not entered again.
    """
    found = kit.function(
        "if not event['Execution']['RedriveCount']:\n    raise ValueError(json.dumps(event))\nreturn event"
    )
    execution = failed(chain(It=task(found, Parameters={"Execution.$": "$$.Execution", "State.$": "$$.State"})))
    again = redriven(execution)["output"]
    assert (again["Execution"]["RedriveCount"], again["State"]["RetryCount"]) == (1, 0)
    assert again["Execution"]["RedriveTime"] > again["Execution"]["StartTime"]
    assert again["State"]["EnteredTime"] < again["Execution"]["RedriveTime"]


def test_redriven_state_has_all_its_retries_again(kit, broken, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    retry = [{"ErrorEquals": ["ValueError"], "MaxAttempts": 2, "IntervalSeconds": 60}]
    execution = failed(chain(It=task(broken, Retry=retry)))
    redriven(execution)
    assert Counter(kit.event_types(execution))["LambdaFunctionFailed"] == 6


def test_redriven_choice_is_evaluated_again(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    again = {"Variable": "$$.Execution.RedriveCount", "NumericGreaterThanPath": "$.minimum", "Next": "Done"}
    execution = failed(chain(It={"Type": "Choice", "Choices": [again]}, Done={"Type": "Succeed"}), {"minimum": 0})
    assert kit.describe(execution)["error"] == "States.NoChoiceMatched"
    assert redriven(execution)["status"] == "SUCCEEDED"


def test_redriven_fail_state_fails_again(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = failed(chain(It={"Type": "Fail", "Error": "Broken"}))
    assert redriven(execution)["error"] == "Broken"
    assert entered(kit, execution) == {"It": 2}


def test_only_failed_and_aborted_branches_of_a_parallel_run_again(kit, broken, fix, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    waits = {"Type": "Wait", "Seconds": 60}
    branches = [
        chain(Done={"Type": "Pass", "Result": "done"}),
        chain(Waited=dict(waits), Fails=task(broken)),
        chain(First={"Type": "Pass"}, Aborted={"Type": "Wait", "Seconds": 900}),
    ]
    execution = failed(chain(It=parallel(*branches), Last={"Type": "Pass"}), {"n": 1})
    fix()
    assert redriven(execution)["output"] == ["done", {"n": 1}, {"n": 1}]
    assert set(entered(kit, execution).values()) == {1}


def test_retry_of_a_redriven_parallel_runs_every_branch(kit, broken, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html"""
    retry = [{"ErrorEquals": ["ValueError"], "MaxAttempts": 1}]
    it = parallel(
        chain(Done={"Type": "Pass"}), chain(Waits={"Type": "Wait", "Seconds": 9}, Fails=task(broken)), Retry=retry
    )
    execution = failed(chain(It=it))
    redriven(execution)
    assert entered(kit, execution) == {"It": 1, "Done": 3, "Waits": 3, "Fails": 3}


def test_redriven_parallel_with_too_large_output_runs_every_branch(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    large = {"Type": "Pass", "Result": "x" * 200_000}
    execution = failed(chain(It=parallel(chain(A=large), chain(B=dict(large)))))
    assert kit.describe(execution)["error"] == "States.DataLimitExceeded"
    redriven(execution)
    assert entered(kit, execution) == {"It": 1, "A": 2, "B": 2}


def test_only_unsuccessful_iterations_of_a_map_run_again(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    odd = kit.function(
        "if event['n'] == 2 and not event['again']:\n    raise ValueError('broken')\nreturn event['n'] * 10"
    )
    given = {"n.$": "$", "again.$": "$$.Execution.RedriveCount"}
    it = map_state(chain(Whole={"Type": "Pass"}, Ten=task(odd, Parameters=given)), MaxConcurrency=1)
    execution = failed(chain(It=it), [1, 2, 3])
    assert redriven(execution)["output"] == [10, 20, 30]
    assert entered(kit, execution) == {"It": 1, "Whole": 3, "Ten": 3}


def test_nested_parallel_of_an_iteration_continues(kit, broken, fix, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    inner = parallel(chain(Well={"Type": "Pass"}), chain(Before={"Type": "Pass"}, Fails=task(broken)))
    execution = failed(chain(It=map_state(chain(First={"Type": "Pass"}, Both=inner), MaxConcurrency=1)), [1, 2])
    fix()
    assert redriven(execution)["output"] == [[1, 1], [2, 2]]
    assert entered(kit, execution) == {"It": 1, "First": 2, "Both": 2, "Well": 2, "Before": 2, "Fails": 2}


def test_redriven_callback_task_gets_a_new_token(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    url = kit.queue()
    parameters = {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    execution = kit.start(chain(It=task(resource, Parameters=parameters, TimeoutSeconds=60)))
    kit.advance(61)
    kit.states.redrive_execution(executionArn=execution)
    kit.cloud.settle()
    old, new = (message["token"] for message in kit.messages(url))
    with pytest.raises(ClientError, match="TaskTimedOut"):
        kit.states.send_task_success(taskToken=old, output="1")
    kit.states.send_task_success(taskToken=new, output="2")
    kit.cloud.settle()
    assert kit.describe(execution)["output"] == 2


def test_redriven_execution_keeps_variables_of_branches(kit, broken, fix, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    inner = chain(
        Inside={"Type": "Pass", "Assign": {"b": 2}},
        Fails=task(broken),
        All={"Type": "Pass", "Parameters": {"all.$": "$b"}},
    )
    definition = chain(Outside={"Type": "Pass", "Assign": {"a": 1}}, It=parallel(inner), Last={"Type": "Pass"})
    definition["States"]["Last"]["Parameters"] = {"a.$": "$a", "b.$": "$[0].all"}
    execution = failed(definition)
    fix()
    assert redriven(execution)["output"] == {"a": 1, "b": 2}


def test_timeout_of_a_redriven_execution_restarts(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    definition = chain(First={"Type": "Wait", "Seconds": 50}, It={"Type": "Wait", "Seconds": 70}) | {
        "TimeoutSeconds": 100
    }
    execution = failed(definition, status="TIMED_OUT")
    assert redriven(execution)["status"] == "SUCCEEDED"
    assert entered(kit, execution) == {"First": 1, "It": 1}


def test_stopped_execution_can_be_redriven(kit, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = kit.start(chain(It={"Type": "Wait", "Seconds": 900}, Last={"Type": "Pass"}), {"n": 1})
    kit.states.stop_execution(executionArn=execution, error="Lost")
    found = redriven(execution)
    assert (found["status"], found["output"], found.get("error")) == ("SUCCEEDED", {"n": 1}, None)


def test_redriven_execution_keeps_its_definition(kit, broken, fix, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    machine = kit.machine(chain(It=task(broken), Last={"Type": "Pass", "Result": "old"}))
    execution = kit.run(machine)["executionArn"]
    new = kit.describe(failed(chain(It={"Type": "Fail"})))["stateMachineArn"]
    definition = kit.states.describe_state_machine(stateMachineArn=new)["definition"]
    kit.states.update_state_machine(stateMachineArn=machine, definition=definition)
    fix()
    assert redriven(execution)["output"] == "old"


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_running_or_succeeded_execution_cannot_be_redriven(kit, redrive_error, status):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html"""
    execution = kit.start(chain(It={"Type": "Wait", "Seconds": 900 if status == "RUNNING" else 0}))
    if status == "SUCCEEDED":
        kit.cloud.settle()
    found = kit.describe(execution)
    assert redrive_error(execution)[0] == "ExecutionNotRedrivable"
    assert found["redriveStatusReason"] == f"Execution is {status} and cannot be redriven"
    kit.states.stop_execution(executionArn=execution)


def test_execution_can_be_redriven_for_fourteen_days(kit, broken, failed, redriven, redrive_error):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = failed(chain(It=task(broken)))
    kit.advance(13 * DAY)
    redriven(execution)
    kit.advance(14 * DAY + 1)
    assert kit.describe(execution)["redriveStatus"] == "NOT_REDRIVABLE"
    assert redrive_error(execution) == (
        "ExecutionNotRedrivable",
        "Execution Not Redrivable: 'Execution redrivable period exceeded'",
    )


def test_express_or_unknown_execution_cannot_be_redriven(kit, redrive_error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html"""
    express = kit.start(kit.machine(chain(It={"Type": "Fail"}), type="EXPRESS"))
    assert redrive_error(express)[0] == "InvalidArn"
    assert redrive_error("arn:aws:states:us-east-1:123456789012:execution:m:n")[0] == "ExecutionDoesNotExist"


def test_same_client_token_redrives_once(kit, broken, failed):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html"""
    execution = failed(chain(It=task(broken)))
    first, second = (kit.states.redrive_execution(executionArn=execution, clientToken="once") for _ in range(2))
    kit.cloud.settle()
    assert (first["redriveDate"], kit.describe(execution)["redriveCount"]) == (second["redriveDate"], 1)


def test_listed_executions_have_their_redrives(kit, broken, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html"""
    found = redriven(failed(chain(It=task(broken))))
    (listed,) = kit.states.list_executions(stateMachineArn=found["stateMachineArn"])["executions"]
    assert (listed["redriveCount"], listed["redriveDate"]) == (1, found["redriveDate"])
    with pytest.raises(ClientError, match="redriveFilter"):
        kit.states.list_executions(stateMachineArn=found["stateMachineArn"], redriveFilter="REDRIVEN")


def test_map_run_is_redriven_with_its_execution(kit, broken, fix, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html"""
    execution = failed(chain(It=map_state(chain(Fails=task(broken)), "DISTRIBUTED")), [1])
    fix()
    assert redriven(execution)["output"] == [1]
    (run,) = kit.states.list_map_runs(executionArn=execution)["mapRuns"]
    assert kit.states.describe_map_run(mapRunArn=run["mapRunArn"])["redriveCount"] == 1
