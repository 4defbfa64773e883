"""RedriveExecution: an execution goes on where it failed."""

from collections import Counter

import pytest
from botocore.exceptions import ClientError
from machines_kit import chain, task
from test_machines_maps import each, parallel

pytest_plugins = ("machines_fixtures",)

DAY = 24 * 3600
MENDED = "if not os.environ.get('MENDED'):\n    raise ValueError('broken')\n"


@pytest.fixture(scope="module")
def broken(kit):
    """A function that fails until it is mended, and then answers with what it is given."""
    return kit.function(f"{MENDED}return event")


@pytest.fixture
def mend(kit, broken):
    """Mend that function, for one test."""

    def let(**variables):
        kit.client("lambda").update_function_configuration(FunctionName=broken, Environment={"Variables": variables})

    yield lambda: let(MENDED="yes")
    let()


@pytest.fixture
def redriven(kit):
    """What an execution comes to that is redriven."""

    def redrive(execution):
        kit.states.redrive_execution(executionArn=execution)
        kit.cloud.settle()
        return kit.described(execution)

    return redrive


@pytest.fixture
def failed(kit):
    """The ARN of an execution that has ended without success."""

    def run(definition, given=None, status="FAILED"):
        told = kit.run(definition, given)
        assert told["status"] == status, told
        return told["executionArn"]

    return run


@pytest.fixture
def refusal(kit):
    """Why an execution is not redriven."""

    def redrive(execution):
        with pytest.raises(ClientError) as refused:
            kit.states.redrive_execution(executionArn=execution)
        return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]

    return redrive


def entered(kit, execution):
    """How often each state was entered."""
    told = [event.get("stateEnteredEventDetails", {}).get("name") for event in kit.history(execution)]
    return Counter(name for name in told if name)


def test_a_redriven_execution_goes_on_with_the_state_that_failed(kit, broken, mend, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = failed(chain(First={"Type": "Pass", "Result": 7}, It=task(broken), Last={"Type": "Pass"}), {"n": 1})
    mend()
    told = redriven(execution)
    assert (told["executionArn"], told["status"], told["output"]) == (execution, "SUCCEEDED", 7)
    assert entered(kit, execution) == {"First": 1, "It": 1, "Last": 1}


def test_the_history_of_a_redriven_execution_is_continued(kit, broken, mend, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html"""
    execution = failed(chain(It=task(broken)))
    before = kit.types(execution)
    mend()
    redriven(execution)
    following = kit.history(execution)[len(before) :]
    assert following[0]["executionRedrivenEventDetails"] == {"redriveCount": 1}
    assert [event["type"] for event in following] == [
        *("ExecutionRedriven", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"),
        *("TaskStateExited", "ExecutionSucceeded"),
    ]
    assert [event["id"] for event in kit.history(execution)] == list(range(1, len(before) + 7))


def test_an_execution_tells_of_its_redrives(kit, broken, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html"""
    execution = failed(chain(It=task(broken)))
    before = kit.described(execution)
    assert (before["redriveCount"], before["redriveStatus"]) == (0, "REDRIVABLE")
    told = [redriven(execution), redriven(execution)][-1]
    assert (told["status"], told["error"], told["redriveCount"]) == ("FAILED", "ValueError", 2)
    assert told["startDate"] < told["redriveDate"] <= told["stopDate"]


def test_the_context_object_tells_of_the_redrive_and_of_the_entrance_before_it(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
    Differs: what AWS does not say is that a state that is redriven keeps its EnteredTime, as it is not entered again.
    """
    told = kit.function(
        "if not event['Execution']['RedriveCount']:\n    raise ValueError(json.dumps(event))\nreturn event"
    )
    execution = failed(chain(It=task(told, Parameters={"Execution.$": "$$.Execution", "State.$": "$$.State"})))
    again = redriven(execution)["output"]
    assert (again["Execution"]["RedriveCount"], again["State"]["RetryCount"]) == (1, 0)
    assert again["Execution"]["RedriveTime"] > again["Execution"]["StartTime"]
    assert again["State"]["EnteredTime"] < again["Execution"]["RedriveTime"]


def test_a_state_that_is_redriven_has_all_its_retries_again(kit, broken, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    retry = [{"ErrorEquals": ["ValueError"], "MaxAttempts": 2, "IntervalSeconds": 60}]
    execution = failed(chain(It=task(broken, Retry=retry)))
    redriven(execution)
    assert Counter(kit.types(execution))["LambdaFunctionFailed"] == 6


def test_a_choice_is_evaluated_again(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    again = {"Variable": "$$.Execution.RedriveCount", "NumericGreaterThanPath": "$.asked", "Next": "Well"}
    execution = failed(chain(It={"Type": "Choice", "Choices": [again]}, Well={"Type": "Succeed"}), {"asked": 0})
    assert kit.described(execution)["error"] == "States.NoChoiceMatched"
    assert redriven(execution)["status"] == "SUCCEEDED"


def test_a_fail_state_fails_again(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = failed(chain(It={"Type": "Fail", "Error": "Broken"}))
    assert redriven(execution)["error"] == "Broken"
    assert entered(kit, execution) == {"It": 2}


def test_of_a_parallel_only_the_branches_run_again_that_failed_or_were_aborted(kit, broken, mend, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    waits = {"Type": "Wait", "Seconds": 60}
    branches = [
        chain(Done={"Type": "Pass", "Result": "done"}),
        chain(Waited=dict(waits), Fails=task(broken)),
        chain(First={"Type": "Pass"}, Aborted={"Type": "Wait", "Seconds": 900}),
    ]
    execution = failed(chain(It=parallel(*branches), Last={"Type": "Pass"}), {"n": 1})
    mend()
    assert redriven(execution)["output"] == ["done", {"n": 1}, {"n": 1}]
    assert set(entered(kit, execution).values()) == {1}


def test_a_parallel_that_is_tried_again_after_a_redrive_runs_every_branch(kit, broken, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html"""
    retry = [{"ErrorEquals": ["ValueError"], "MaxAttempts": 1}]
    it = parallel(
        chain(Done={"Type": "Pass"}), chain(Waits={"Type": "Wait", "Seconds": 9}, Fails=task(broken)), Retry=retry
    )
    execution = failed(chain(It=it))
    redriven(execution)
    assert entered(kit, execution) == {"It": 1, "Done": 3, "Waits": 3, "Fails": 3}


def test_a_parallel_whose_output_was_too_large_runs_every_branch_again(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    large = {"Type": "Pass", "Result": "x" * 200_000}
    execution = failed(chain(It=parallel(chain(A=large), chain(B=dict(large)))))
    assert kit.described(execution)["error"] == "States.DataLimitExceeded"
    redriven(execution)
    assert entered(kit, execution) == {"It": 1, "A": 2, "B": 2}


def test_of_a_map_only_the_iterations_run_again_that_did_not_end_well(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    odd = kit.function(
        "if event['n'] == 2 and not event['again']:\n    raise ValueError('broken')\nreturn event['n'] * 10"
    )
    given = {"n.$": "$", "again.$": "$$.Execution.RedriveCount"}
    it = each(chain(Whole={"Type": "Pass"}, Ten=task(odd, Parameters=given)), MaxConcurrency=1)
    execution = failed(chain(It=it), [1, 2, 3])
    assert redriven(execution)["output"] == [10, 20, 30]
    assert entered(kit, execution) == {"It": 1, "Whole": 3, "Ten": 3}


def test_what_is_within_an_iteration_goes_on_by_itself(kit, broken, mend, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    inner = parallel(chain(Well={"Type": "Pass"}), chain(Before={"Type": "Pass"}, Fails=task(broken)))
    execution = failed(chain(It=each(chain(First={"Type": "Pass"}, Both=inner), MaxConcurrency=1)), [1, 2])
    mend()
    assert redriven(execution)["output"] == [[1, 1], [2, 2]]
    assert entered(kit, execution) == {"It": 1, "First": 2, "Both": 2, "Well": 2, "Before": 2, "Fails": 2}


def test_a_task_that_waits_for_a_token_is_given_another_one(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    url = kit.queue()
    parameters = {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}
    resource = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
    execution = kit.start(chain(It=task(resource, Parameters=parameters, TimeoutSeconds=60)))
    kit.pass_time(61)
    kit.states.redrive_execution(executionArn=execution)
    kit.cloud.settle()
    old, new = (message["token"] for message in kit.messages(url))
    with pytest.raises(ClientError, match="TaskTimedOut"):
        kit.states.send_task_success(taskToken=old, output="1")
    kit.states.send_task_success(taskToken=new, output="2")
    kit.cloud.settle()
    assert kit.described(execution)["output"] == 2


def test_variables_are_as_they_were_within_a_branch_too(kit, broken, mend, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    inner = chain(
        Inside={"Type": "Pass", "Assign": {"b": 2}},
        Fails=task(broken),
        All={"Type": "Pass", "Parameters": {"all.$": "$b"}},
    )
    definition = chain(Outside={"Type": "Pass", "Assign": {"a": 1}}, It=parallel(inner), Last={"Type": "Pass"})
    definition["States"]["Last"]["Parameters"] = {"a.$": "$a", "b.$": "$[0].all"}
    execution = failed(definition)
    mend()
    assert redriven(execution)["output"] == {"a": 1, "b": 2}


def test_a_time_out_of_the_machine_begins_anew(kit, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    definition = chain(First={"Type": "Wait", "Seconds": 50}, It={"Type": "Wait", "Seconds": 70}) | {
        "TimeoutSeconds": 100
    }
    execution = failed(definition, status="TIMED_OUT")
    assert redriven(execution)["status"] == "SUCCEEDED"
    assert entered(kit, execution) == {"First": 1, "It": 1}


def test_an_execution_that_was_stopped_goes_on(kit, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = kit.start(chain(It={"Type": "Wait", "Seconds": 900}, Last={"Type": "Pass"}), {"n": 1})
    kit.states.stop_execution(executionArn=execution, error="Lost")
    told = redriven(execution)
    assert (told["status"], told["output"], told.get("error")) == ("SUCCEEDED", {"n": 1}, None)


def test_a_redriven_execution_keeps_the_definition_that_it_began_with(kit, broken, mend, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    machine = kit.machine(chain(It=task(broken), Last={"Type": "Pass", "Result": "old"}))
    execution = kit.run(machine)["executionArn"]
    new = kit.described(failed(chain(It={"Type": "Fail"})))["stateMachineArn"]
    definition = kit.states.describe_state_machine(stateMachineArn=new)["definition"]
    kit.states.update_state_machine(stateMachineArn=machine, definition=definition)
    mend()
    assert redriven(execution)["output"] == "old"


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED"])
def test_an_execution_that_runs_or_has_succeeded_is_not_redriven(kit, refusal, status):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html"""
    execution = kit.start(chain(It={"Type": "Wait", "Seconds": 900 if status == "RUNNING" else 0}))
    if status == "SUCCEEDED":
        kit.cloud.settle()
    told = kit.described(execution)
    assert refusal(execution)[0] == "ExecutionNotRedrivable"
    assert told["redriveStatusReason"] == f"Execution is {status} and cannot be redriven"
    kit.states.stop_execution(executionArn=execution)


def test_an_execution_is_redriven_within_fourteen_days_of_its_end(kit, broken, failed, redriven, refusal):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = failed(chain(It=task(broken)))
    kit.pass_time(13 * DAY)
    redriven(execution)
    kit.pass_time(14 * DAY + 1)
    assert kit.described(execution)["redriveStatus"] == "NOT_REDRIVABLE"
    assert refusal(execution) == (
        "ExecutionNotRedrivable",
        "Execution Not Redrivable: 'Execution redrivable period exceeded'",
    )


def test_an_express_execution_or_one_that_there_is_not_is_not_redriven(kit, refusal):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html"""
    express = kit.start(kit.machine(chain(It={"Type": "Fail"}), type="EXPRESS"))
    assert refusal(express)[0] == "InvalidArn"
    assert refusal("arn:aws:states:us-east-1:123456789012:execution:m:n")[0] == "ExecutionDoesNotExist"


def test_a_redrive_that_is_asked_for_twice_with_one_token_is_one(kit, broken, failed):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html"""
    execution = failed(chain(It=task(broken)))
    first, second = (kit.states.redrive_execution(executionArn=execution, clientToken="once") for _ in range(2))
    kit.cloud.settle()
    assert (first["redriveDate"], kit.described(execution)["redriveCount"]) == (second["redriveDate"], 1)


def test_redriven_executions_are_listed_as_such_and_chosen_of_a_map_run_alone(kit, broken, failed, redriven):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html"""
    told = redriven(failed(chain(It=task(broken))))
    (listed,) = kit.states.list_executions(stateMachineArn=told["stateMachineArn"])["executions"]
    assert (listed["redriveCount"], listed["redriveDate"]) == (1, told["redriveDate"])
    with pytest.raises(ClientError, match="redriveFilter"):
        kit.states.list_executions(stateMachineArn=told["stateMachineArn"], redriveFilter="REDRIVEN")


def test_a_map_run_is_not_redriven(kit, broken, failed, refusal):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-map-run.html
    Refused: an execution whose Map Run has failed is not redriven.
    """
    execution = failed(chain(It=each(chain(Fails=task(broken)), "DISTRIBUTED")), [1])
    assert "The local cloud does not redrive a Map Run" in refusal(execution)[1]
