"""Tasks: their events, timeouts, heartbeats, tokens and activities."""

import json

import pytest
from engine_kit import ACTIVITY, FUNCTION, MACHINE, ROLE, Engine, chain, failing, task, types

from millrace.local.core.errors import ApiError
from millrace.local.services.stepfunctions.interpreter import Pending

TOKEN = "sqs:sendMessage.waitForTaskToken"


@pytest.fixture
def engine():
    return Engine()


def waiting(engine, **more):
    """Start a task that waits for its token; return the execution and the token."""
    execution = engine.begin(chain(It=task(TOKEN, Parameters={"token.$": "$$.Task.Token"}, **more)))
    return execution, engine.services.calls[-1].parameters["token"]


def details(execution, kind):
    (event,) = [each for each in execution.history.events if each["type"] == kind]
    return event[f"{kind[0].lower()}{kind[1:]}EventDetails"]


def test_function_as_resource_has_events_of_lambda(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html"""
    execution = engine.ran(chain(It=task(TimeoutSeconds=9)), {"n": 1})
    assert types(execution)[2:5] == ["LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded"]
    scheduled = details(execution, "LambdaFunctionScheduled")
    assert (scheduled["resource"], scheduled["input"], scheduled["timeoutInSeconds"]) == (FUNCTION, '{"n":1}', 9)


def test_integration_has_events_of_a_task(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskScheduledEventDetails.html"""
    execution = engine.ran(chain(It=task("sqs:sendMessage", Parameters={"QueueUrl": "q"})))
    assert types(execution)[2:5] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]
    assert details(execution, "TaskScheduled") == {
        "resourceType": "sqs",
        "resource": "sendMessage",
        "region": "us-east-1",
        "parameters": '{"QueueUrl":"q"}',
    }


def test_failed_call_is_a_task_failed_event(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_TaskFailedEventDetails.html"""
    engine.services.answers["putItem"] = failing("DynamoDB.AmazonDynamoDBException", "missing key")
    execution = engine.ran(chain(It=task("dynamodb:putItem", Parameters={"TableName": "t"})))
    assert details(execution, "TaskFailed") == {
        "resourceType": "dynamodb",
        "resource": "putItem",
        "error": "DynamoDB.AmazonDynamoDBException",
        "cause": "missing key",
    }


def test_result_over_256_kib_fails_the_task(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    engine.services.answers[FUNCTION] = "x" * 300_000
    execution = engine.ran(chain(It=task()))
    assert execution.error == "States.DataLimitExceeded"
    assert types(execution)[-2:] == ["LambdaFunctionFailed", "ExecutionFailed"]


def test_missing_parameter_fails_before_the_task_is_scheduled(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    it = task(Parameters={"n.$": "$.missing"}, Retry=[{"ErrorEquals": ["States.ALL"]}])
    execution = engine.ran(chain(It=it), {})
    assert types(execution) == ["ExecutionStarted", "TaskStateEntered", "ExecutionFailed"]
    assert (execution.error, "$.missing" in execution.cause) == ("States.Runtime", True)


@pytest.mark.parametrize("limit", [{"TimeoutSeconds": 5}, {"TimeoutSecondsPath": "$.t"}])
def test_task_times_out(engine, limit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html"""
    cancelled = []
    engine.services.answers[FUNCTION] = lambda _: Pending(cancel=lambda: cancelled.append(True))
    execution = engine.begin(chain(It=task(**limit)), {"t": 5})
    engine.advance(4)
    assert execution.status == "RUNNING"
    engine.advance(1)
    assert (execution.error, types(execution)[-2], cancelled) == ("States.Timeout", "LambdaFunctionTimedOut", [True])


def test_response_in_time_ends_the_timeout(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html"""
    execution = engine.begin(chain(It=task(TimeoutSeconds=5), Rest={"Type": "Wait", "Seconds": 60}))
    engine.advance(60)
    assert execution.status == "SUCCEEDED"


def test_credentials_replace_the_role_of_the_call(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-access-cross-acct-resources.html"""
    other = "arn:aws:iam::123456789012:role/other"
    execution = engine.ran(chain(It=task(Credentials={"RoleArn.$": "$.role"})), {"role": other})
    assert engine.services.calls[0].caller.role == other != ROLE
    assert details(execution, "LambdaFunctionScheduled")["taskCredentials"] == {"roleArn": other}


def test_output_sent_with_the_token_is_the_result(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    execution, token = waiting(engine)
    assert types(execution)[-1] == "TaskSubmitted"
    engine.tokens.succeed(token, '{"n": 1}')
    engine.settle()
    assert json.loads(execution.output) == {"n": 1}


def test_error_sent_with_the_token_fails_the_task(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html"""
    execution, token = waiting(engine)
    engine.tokens.fail(token, "Refused", "too much")
    engine.settle()
    assert (execution.error, execution.cause) == ("Refused", "too much")


@pytest.mark.parametrize("end", ["used", "stopped", "timed out"])
def test_token_of_an_ended_task_is_timed_out(engine, end):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    execution, token = waiting(engine, TimeoutSeconds=60)
    if end == "used":
        engine.tokens.succeed(token, "1")
    elif end == "stopped":
        execution.stop(None, None)
    else:
        engine.advance(61)
    with pytest.raises(ApiError, match="TaskTimedOut"):
        engine.tokens.succeed(token, "2")


def test_unknown_token_is_invalid_and_disturbs_nothing(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    execution, token = waiting(engine)
    with pytest.raises(ApiError, match="InvalidToken"):
        engine.tokens.succeed(token + "x", "1")
    assert (execution.status, engine.tokens.machine_of(token)) == ("RUNNING", MACHINE)


def test_each_attempt_has_its_own_token(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    _, first = waiting(engine, Retry=[{"ErrorEquals": ["Again"]}])
    engine.tokens.fail(first, "Again", None)
    engine.advance(1)
    assert engine.services.calls[-1].parameters["token"] != first


def test_output_is_accepted_before_the_call_fails(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    response = Pending()
    engine.services.answers["sendMessage"] = lambda _: response
    execution, token = waiting(engine)
    engine.tokens.succeed(token, "7")
    response.fail(failing("Afterwards"))
    engine.settle()
    assert execution.output == "7"


def test_missed_heartbeat_times_the_task_out(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html"""
    execution, token = waiting(engine, HeartbeatSeconds=100)
    for _ in range(3):
        engine.advance(90)
        engine.tokens.beat(token)
    assert execution.status == "RUNNING"
    engine.advance(101)
    assert (execution.error, types(execution)[-2]) == ("States.Timeout", "TaskTimedOut")


@pytest.mark.parametrize("name", ["States.HeartbeatTimeout", "States.Timeout"])
def test_missed_heartbeat_can_be_caught(engine, name):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    it = task(TOKEN, Parameters={}, HeartbeatSeconds=9, Catch=[{"ErrorEquals": [name], "Next": "No"}], End=True)
    execution = engine.begin(chain(It=it, No={"Type": "Succeed"}))
    engine.advance(10)
    assert execution.status == "SUCCEEDED"


def job(engine, **more):
    it = task("states:startExecution.sync:2", Parameters={"StateMachineArn": "m", "t.$": "$$.Task.Token"}, **more)
    return engine.begin(chain(It=it))


def test_job_ends_its_task(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync"""
    execution = job(engine)
    engine.services.jobs[0].succeed({"Status": "SUCCEEDED"})
    engine.settle()
    assert execution.output == '{"Status":"SUCCEEDED"}'


def test_token_ends_the_task_of_a_job_and_leaves_the_job(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    execution = job(engine)
    engine.tokens.succeed(engine.services.calls[0].parameters["t"], "7")
    engine.settle()
    assert (execution.output, "stopped" in engine.services.jobs) == ("7", False)


def test_job_is_stopped_with_its_execution(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync"""
    job(engine).stop(None, None)
    assert engine.services.jobs[-1] == "stopped"


def test_worker_takes_and_ends_the_task_of_an_activity(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html"""
    execution = engine.begin(chain(It=task(ACTIVITY)), {"n": 1})
    taken = engine.activities.take(ACTIVITY, "worker").value
    engine.run()
    engine.tokens.succeed(taken.token, "2")
    engine.settle()
    assert (taken.input, execution.output) == ('{"n":1}', "2")
    assert types(execution)[2:5] == ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"]


def test_stopped_activity_is_not_given_to_a_worker(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetActivityTask.html"""
    engine.begin(chain(It=task(ACTIVITY))).stop(None, None)
    assert not engine.activities.take(ACTIVITY, None).done
