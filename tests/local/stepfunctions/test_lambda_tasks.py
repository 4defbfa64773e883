import base64
import json

import pytest
from machines_kit import chain, task

from millrace.local.services.stepfunctions.interpreter.integrations.functions import function_error

pytest_plugins = ("machines_fixtures",)
INVOKE = "arn:aws:states:::lambda:invoke"


def invoke(function, payload="$", **more):
    key = "Payload.$" if isinstance(payload, str) and payload.startswith("$") else "Payload"
    return {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName": function, key: payload}, **more}


@pytest.fixture(scope="module")
def echo(kit):
    return kit.function("return event")


def test_invoke_task_returns_payload_and_metadata(kit, echo):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    output = kit.output(chain(It=invoke(echo)), {"n": 1})
    assert (output["Payload"], output["StatusCode"], output["ExecutedVersion"]) == ({"n": 1}, 200, "$LATEST")
    assert output["SdkResponseMetadata"]["RequestId"]


def test_function_as_resource_returns_the_payload_only(kit, echo):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    assert kit.output(chain(It=task(echo, Parameters={"n.$": "$.n"})), {"n": 1, "m": 2}) == {"n": 1}


def test_function_can_return_none(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    assert kit.output(chain(It=task(kit.function("return None")))) is None


@pytest.mark.parametrize("form", [invoke, task])
def test_error_of_a_function_has_its_type_and_json(kit, form):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    error, cause = kit.failure(chain(It=form(kit.function("raise KeyError('lost')"))))
    assert error == "KeyError"
    assert json.loads(cause)["errorMessage"] == "'lost'"
    assert json.loads(cause)["stackTrace"]


@pytest.mark.parametrize("form", [invoke, task])
def test_throttled_function_is_a_too_many_requests_exception(kit, form):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    function = kit.function("return 1")
    kit.client("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    error, cause = kit.failure(chain(It=form(function)))
    assert error == "Lambda.TooManyRequestsException"
    assert cause.startswith("Rate Exceeded. (Service: AWSLambda; Status Code: 429;")


@pytest.mark.parametrize("form", [invoke, task])
def test_unknown_function_is_a_resource_not_found_exception(kit, echo, form):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    assert kit.failure(chain(It=form(f"{echo}x")))[0] == "Lambda.ResourceNotFoundException"


def test_timeout_of_the_function_is_named_by_lambda(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    slow = kit.function("time.sleep(5)", Timeout=1)
    error, cause = kit.failure(chain(It=task(slow)))
    assert error == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in cause


def test_error_without_a_type_is_lambda_unknown():
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    assert function_error('{"errorMessage": "gone"}').error == "Lambda.Unknown"


def test_cause_of_a_function_error_is_compact_json():
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    error = function_error('{"errorMessage": "lost", "errorType": "KeyError", "stackTrace": []}')
    assert (error.error, error.cause) == ("KeyError", '{"errorMessage":"lost","errorType":"KeyError","stackTrace":[]}')


def test_log_of_an_invocation_is_in_the_result(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    it = invoke(kit.function("print('hello')"))
    it["Parameters"]["LogType"] = "Tail"
    assert b"hello" in base64.b64decode(kit.output(chain(It=it))["LogResult"])


def test_function_is_invoked_asynchronously(kit, echo):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    it = invoke(echo)
    it["Parameters"]["InvocationType"] = "Event"
    assert kit.output(chain(It=it))["StatusCode"] == 202


def test_function_longer_than_the_task_times_out(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html"""
    slow = kit.function("time.sleep(3)", Timeout=10)
    execution = kit.start(chain(It=invoke(slow, TimeoutSeconds=1)))
    kit.cloud.settle()
    assert kit.describe(execution)["error"] == "States.Timeout"
    assert "TaskTimedOut" in kit.event_types(execution)


def test_history_of_a_function_as_resource(kit, echo):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html"""
    execution = kit.start(chain(It=task(echo)))
    kit.cloud.settle()
    events = kit.history(execution)
    assert [(event["id"], event["previousEventId"], event["type"]) for event in events] == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "TaskStateEntered"),
        (3, 2, "LambdaFunctionScheduled"),
        (4, 3, "LambdaFunctionStarted"),
        (5, 4, "LambdaFunctionSucceeded"),
        (6, 5, "TaskStateExited"),
        (7, 6, "ExecutionSucceeded"),
    ]
    assert events[2]["lambdaFunctionScheduledEventDetails"]["resource"] == echo


def test_history_of_an_invoke_task(kit, echo):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html"""
    execution = kit.start(chain(It=invoke(echo)), {"n": 1})
    kit.cloud.settle()
    scheduled, started, succeeded = kit.history(execution)[2:5]
    assert [scheduled["type"], started["type"], succeeded["type"]] == ["TaskScheduled", "TaskStarted", "TaskSucceeded"]
    details = scheduled["taskScheduledEventDetails"]
    assert (details["resourceType"], details["resource"], details["region"]) == ("lambda", "invoke", "us-east-1")
    assert json.loads(details["parameters"]) == {"FunctionName": echo, "Payload": {"n": 1}}


def test_functions_of_many_executions_run_concurrently(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    machine = kit.machine(chain(A=task(kit.function("return event['n'] + 1")), B={"Type": "Succeed"}))
    executions = [kit.start(machine, {"n": n}) for n in range(20)]
    kit.cloud.settle()
    assert [kit.describe(execution)["output"] for execution in executions] == [n + 1 for n in range(20)]
