import uuid

import pytest
from machines_kit import chain, task

pytest_plugins = ("machines_fixtures",)
FLAKY = """
path = os.path.join('/tmp', 'calls-' + event['key'])
with open(path, 'a') as calls:
    calls.write('x')
if os.path.getsize(path) <= event['failures']:
    raise ConnectionError('unavailable')
return os.path.getsize(path)
""".strip()


@pytest.fixture(scope="module")
def flaky(kit):
    """A function that fails `failures` times and then returns the number of calls."""
    return kit.function(FLAKY)


@pytest.fixture
def key(kit):
    return {"key": f"{uuid.uuid4()}-{kit.name()}"}


def retry(*errors, **more):
    return {"Retry": [{"ErrorEquals": list(errors), **more}]}


def test_retrier_backs_off(kit, flaky, key):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    start = kit.now()
    it = task(flaky, **retry("ConnectionError", IntervalSeconds=100, BackoffRate=3, MaxAttempts=3))
    assert kit.output(chain(It=it), {**key, "failures": 3}) == 4
    assert 1300 <= kit.now() - start < 1360


def test_retrier_waits_at_most_its_maximum_delay(kit, flaky, key):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    start = kit.now()
    more = {"IntervalSeconds": 100, "BackoffRate": 10, "MaxDelaySeconds": 150}
    assert kit.output(chain(It=task(flaky, **retry("States.ALL", **more))), {**key, "failures": 3}) == 4
    assert 400 <= kit.now() - start < 460


def test_full_jitter_waits_up_to_the_delay(kit, flaky, key):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    start = kit.now()
    more = {"IntervalSeconds": 1000, "BackoffRate": 1, "JitterStrategy": "FULL"}
    assert kit.output(chain(It=task(flaky, **retry("States.ALL", **more))), {**key, "failures": 3}) == 4
    assert 0 < kit.now() - start < 2990


def test_retrier_fails_after_its_attempts(kit, flaky, key):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    execution = kit.start(chain(It=task(flaky, **retry("ConnectionError", MaxAttempts=2))), {**key, "failures": 9})
    kit.cloud.settle()
    assert kit.describe(execution)["error"] == "ConnectionError"
    assert kit.event_types(execution).count("LambdaFunctionFailed") == 3


@pytest.mark.parametrize(
    ("errors", "caught"),
    [
        (["KeyError"], True),
        (["States.TaskFailed"], True),
        (["States.ALL"], True),
        (["ValueError"], False),
        (["States.Timeout"], False),
    ],
)
def test_catcher_catches_its_errors(kit, errors, caught):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    failing = kit.function("raise KeyError('lost')")
    definition = chain(
        It=task(failing, Catch=[{"ErrorEquals": errors, "Next": "Caught"}], End=True), Caught={"Type": "Succeed"}
    )
    assert kit.run(definition)["status"] == ("SUCCEEDED" if caught else "FAILED")


def test_catcher_adds_the_error_to_the_input(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    catch = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.failure", "Next": "Caught"}]
    definition = chain(
        It=task(kit.function("raise KeyError('lost')"), Catch=catch, End=True), Caught={"Type": "Succeed"}
    )
    output = kit.output(definition, {"n": 1})
    assert (output["n"], output["failure"]["Error"]) == (1, "KeyError")


def test_catcher_assigns_variables(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    catch = {"ErrorEquals": ["States.ALL"], "Assign": {"error": "{% $states.errorOutput.Error %}"}, "Next": "Caught"}
    definition = chain(
        It=task(kit.function("raise KeyError('lost')"), Catch=[catch | {"Output": "{% $states.input %}"}], End=True),
        Caught={"Type": "Pass", "Output": "{% [$error, $states.input.n] %}"},
    )
    assert kit.output({"QueryLanguage": "JSONata", **definition}, {"n": 1}) == ["KeyError", 1]


def test_wildcard_does_not_catch_a_runtime_error(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    it = task(kit.function("return 1"), Parameters={"n.$": "$.missing"}, **retry("States.ALL", IntervalSeconds=5000))
    start = kit.now()
    error, cause = kit.failure(chain(It=it))
    assert error == "States.Runtime"
    assert "$.missing" in cause
    assert kit.now() - start < 60


def test_task_failed_does_not_include_timeouts(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    slow = kit.function("time.sleep(2)", Timeout=10)
    catch = [
        {"ErrorEquals": ["States.TaskFailed"], "Next": "Failed"},
        {"ErrorEquals": ["States.Timeout"], "Next": "Late"},
    ]
    definition = chain(
        It=task(slow, TimeoutSeconds=1, Catch=catch, End=True),
        Failed={"Type": "Pass", "Result": "failed", "End": True},
        Late={"Type": "Pass", "Result": "late"},
    )
    assert kit.output(definition) == "late"


def test_timeout_of_a_state_machine_follows_the_clock(kit):
    """https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html"""
    start = kit.now()
    execution = kit.start({**chain(It={"Type": "Wait", "Seconds": 5000}), "TimeoutSeconds": 1000})
    kit.cloud.settle()
    assert kit.describe(execution)["status"] == "TIMED_OUT"
    assert 1000 <= kit.now() - start < 1060
    assert kit.event_types(execution)[-1] == "ExecutionTimedOut"


def test_endless_execution_fails_when_its_history_is_full(kit, monkeypatch):
    """https://docs.aws.amazon.com/step-functions/latest/dg/bp-history-limit.html"""
    monkeypatch.setattr("millrace.local.services.stepfunctions.interpreter.history.MAX_EVENTS", 100)
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.end", "IsPresent": True, "Next": "C"}], "Default": "A"}
    execution = kit.run(chain(A={"Type": "Pass"}, B=choice, C={"Type": "Succeed"}))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.Runtime")
