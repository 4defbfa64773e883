import json

import pytest
from botocore.exceptions import ClientError
from machines_kit import chain

pytest_plugins = ("machines_fixtures",)


@pytest.fixture
def waiting(kit):
    """Start a state machine whose task waits for its token; return the execution and the token."""
    url = kit.queue()

    def start(**more):
        parameters = {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}}
        it = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": parameters}
        after = {"Type": "Pass"}
        execution = kit.start(chain(It=it | more, After=after))
        kit.cloud.settle()
        return execution, kit.messages(url)[0]["token"]

    start.tokens = lambda: [message["token"] for message in kit.messages(url)]
    return start


def test_task_waits_for_its_token_while_the_cloud_settles(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    execution, _ = waiting()
    assert kit.describe(execution)["status"] == "RUNNING"
    assert kit.event_types(execution)[-1] == "TaskSubmitted"


def test_output_sent_with_the_token_is_the_result(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    execution, token = waiting()
    kit.states.send_task_success(taskToken=token, output='{"n": 1}')
    kit.cloud.settle()
    assert kit.describe(execution)["output"] == {"n": 1}


def test_error_sent_with_the_token_fails_the_task(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html"""
    execution, token = waiting()
    kit.states.send_task_failure(taskToken=token, error="Refused", cause="too much")
    kit.cloud.settle()
    found = kit.describe(execution)
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "Refused", "too much")


def test_timeout_ends_the_wait(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    execution, _ = waiting(TimeoutSeconds=600)
    kit.advance(590)
    assert kit.describe(execution)["status"] == "RUNNING"
    kit.advance(11)
    assert kit.describe(execution)["error"] == "States.Timeout"


def test_heartbeats_keep_a_task_waiting(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskHeartbeat.html"""
    execution, token = waiting(HeartbeatSeconds=100)
    for _ in range(3):
        kit.advance(90)
        kit.states.send_task_heartbeat(taskToken=token)
    assert kit.describe(execution)["status"] == "RUNNING"
    kit.advance(101)
    assert kit.describe(execution)["error"] == "States.Timeout"


def test_missed_heartbeat_can_be_caught(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    catch = [{"ErrorEquals": ["States.HeartbeatTimeout"], "ResultPath": None, "Next": "After"}]
    execution, _ = waiting(HeartbeatSeconds=100, Catch=catch, Next="After")
    kit.advance(101)
    assert kit.describe(execution)["status"] == "SUCCEEDED"


def test_each_attempt_has_its_own_token(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    execution, token = waiting(Retry=[{"ErrorEquals": ["Again"]}])
    kit.states.send_task_failure(taskToken=token, error="Again")
    kit.cloud.settle()
    (second,) = waiting.tokens()
    assert second != token
    kit.states.send_task_success(taskToken=second, output="2")
    kit.cloud.settle()
    assert kit.describe(execution)["output"] == 2


def test_token_can_be_used_once(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    _, token = waiting()
    kit.states.send_task_success(taskToken=token, output="1")
    kit.cloud.settle()
    with pytest.raises(ClientError, match="TaskTimedOut"):
        kit.states.send_task_success(taskToken=token, output="1")


@pytest.mark.parametrize(("token", "output", "error"), [("never", "1", "InvalidToken"), (None, "{", "InvalidOutput")])
def test_invalid_token_or_output_fails(kit, waiting, token, output, error):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html"""
    used = token or waiting()[1]
    with pytest.raises(ClientError, match=error):
        kit.states.send_task_success(taskToken=used, output=output)


def test_stop_ends_a_waiting_task(kit, waiting):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    execution, token = waiting()
    kit.states.stop_execution(executionArn=execution)
    assert kit.describe(execution)["status"] == "ABORTED"
    with pytest.raises(ClientError, match="TaskTimedOut"):
        kit.states.send_task_success(taskToken=token, output="1")


SEND_RESULT = """
import boto3
states = boto3.client('stepfunctions')
states.send_task_success(taskToken=event['token'], output='{"early": true}')
""".strip()


def callback_task(kit, body):
    function = {"FunctionName": kit.function(body, Timeout=30), "Payload": {"token.$": "$$.Task.Token"}}
    return chain(
        It={"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": function}
    )


def test_function_can_send_the_result_before_it_returns(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    assert kit.output(callback_task(kit, SEND_RESULT)) == {"early": True}


def test_accepted_result_is_kept_if_the_function_fails_afterwards(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html"""
    assert kit.output(callback_task(kit, f"{SEND_RESULT}\nraise ValueError('afterwards')")) == {"early": True}


def test_event_can_contain_the_token(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html"""
    entry = {"Source": "x.y", "DetailType": "It", "Detail": {"token.$": "$$.Task.Token"}}
    resource = "arn:aws:states:::events:putEvents.waitForTaskToken"
    execution = kit.start(chain(It={"Type": "Task", "Resource": resource, "Parameters": {"Entries": [entry]}}))
    kit.cloud.settle()
    (scheduled,) = [event for event in kit.history(execution) if event["type"] == "TaskScheduled"]
    entries = json.loads(scheduled["taskScheduledEventDetails"]["parameters"])["Entries"]
    kit.states.send_task_success(taskToken=entries[0]["Detail"]["token"], output="7")
    kit.cloud.settle()
    assert kit.describe(execution)["output"] == 7
