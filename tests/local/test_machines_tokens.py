import json

import pytest
from botocore.exceptions import ClientError
from machines_kit import chain

pytest_plugins = ("machines_fixtures",)


@pytest.fixture
def waiting(kit):
    """Start a machine whose task waits for a token; gives the execution and the token."""
    url = kit.queue()

    def begin(**more):
        parameters = {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}
        it = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": parameters}
        after = {"Type": "Pass"}
        execution = kit.start(chain(It=it | more, After=after))
        kit.cloud.settle()
        return execution, kit.messages(url)[0]["token"]

    begin.tokens = lambda: [message["token"] for message in kit.messages(url)]
    return begin


def test_a_task_waits_for_its_token_while_all_else_settles(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    execution, _ = waiting()
    assert kit.described(execution)["status"] == "RUNNING"
    assert kit.types(execution)[-1] == "TaskSubmitted"


def test_the_output_that_is_sent_with_a_token_is_the_tasks_result(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    execution, token = waiting()
    kit.states.send_task_success(taskToken=token, output='{"n": 1}')
    kit.cloud.settle()
    assert kit.described(execution)["output"] == {"n": 1}


def test_the_error_that_is_sent_with_a_token_fails_the_task(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html"""
    execution, token = waiting()
    kit.states.send_task_failure(taskToken=token, error="Refused", cause="too much")
    kit.cloud.settle()
    told = kit.described(execution)
    assert (told["status"], told["error"], told["cause"]) == ("FAILED", "Refused", "too much")


def test_a_time_out_ends_the_wait_when_its_time_has_come(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    execution, _ = waiting(TimeoutSeconds=600)
    kit.pass_time(590)
    assert kit.described(execution)["status"] == "RUNNING"
    kit.pass_time(11)
    assert kit.described(execution)["error"] == "States.Timeout"


def test_heartbeats_keep_a_task_waiting(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html"""
    execution, token = waiting(HeartbeatSeconds=100)
    for _ in range(3):
        kit.pass_time(90)
        kit.states.send_task_heartbeat(taskToken=token)
    assert kit.described(execution)["status"] == "RUNNING"
    kit.pass_time(101)
    assert kit.described(execution)["error"] == "States.Timeout"


def test_a_heartbeat_that_is_missed_can_be_caught_by_its_own_name(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "ResultPath": None, "Next": "After"}]
    execution, _ = waiting(HeartbeatSeconds=100, Catch=catch, Next="After")
    kit.pass_time(101)
    assert kit.described(execution)["status"] == "SUCCEEDED"


def test_each_attempt_has_a_token_of_its_own(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    execution, token = waiting(Retry=[{"ErrorEquals": ["Again"]}])
    kit.states.send_task_failure(taskToken=token, error="Again")
    kit.cloud.settle()
    (second,) = waiting.tokens()
    assert second != token
    kit.states.send_task_success(taskToken=second, output="2")
    kit.cloud.settle()
    assert kit.described(execution)["output"] == 2


def test_a_token_is_good_for_one_outcome(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    _, token = waiting()
    kit.states.send_task_success(taskToken=token, output="1")
    kit.cloud.settle()
    with pytest.raises(ClientError, match="TaskTimedOut"):
        kit.states.send_task_success(taskToken=token, output="1")


@pytest.mark.parametrize(("token", "output", "error"), [("never", "1", "InvalidToken"), (None, "{", "InvalidOutput")])
def test_a_wrong_token_or_output_is_refused(kit, waiting, token, output, error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    given = token or waiting()[1]
    with pytest.raises(ClientError, match=error):
        kit.states.send_task_success(taskToken=given, output=output)


def test_stopping_ends_a_task_that_waits(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    execution, token = waiting()
    kit.states.stop_execution(executionArn=execution)
    assert kit.described(execution)["status"] == "ABORTED"
    with pytest.raises(ClientError, match="TaskTimedOut"):
        kit.states.send_task_success(taskToken=token, output="1")


ANSWERS = """
import boto3
states = boto3.client('stepfunctions')
states.send_task_success(taskToken=event['token'], output='{"early": true}')
""".strip()


def answering(kit, body):
    function = {"FunctionName": kit.function(body, Timeout=30), "Payload": {"token.$": "$$.Task.Token"}}
    return chain(
        It={"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": function}
    )


def test_a_function_may_answer_its_token_before_it_returns(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    assert kit.output(answering(kit, ANSWERS)) == {"early": True}


def test_what_was_accepted_for_a_token_stands_though_its_function_fails_afterwards(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    assert kit.output(answering(kit, f"{ANSWERS}\nraise ValueError('afterwards')")) == {"early": True}


def test_an_event_may_carry_a_token(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html"""
    entry = {"Source": "x.y", "DetailType": "It", "Detail": {"token.$": "$$.Task.Token"}}
    resource = "arn:aws:states:::events:putEvents.waitForTaskToken"
    execution = kit.start(chain(It={"Type": "Task", "Resource": resource, "Parameters": {"Entries": [entry]}}))
    kit.cloud.settle()
    (scheduled,) = [event for event in kit.history(execution) if event["type"] == "TaskScheduled"]
    entries = json.loads(scheduled["taskScheduledEventDetails"]["parameters"])["Entries"]
    kit.states.send_task_success(taskToken=entries[0]["Detail"]["token"], output="7")
    kit.cloud.settle()
    assert kit.described(execution)["output"] == 7
