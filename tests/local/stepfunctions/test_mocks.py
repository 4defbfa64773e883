import pytest
from machines_kit import chain, task

from millrace.testing.mocks import Return, Throw

pytest_plugins = ("machines_fixtures",)
MISSING = "arn:aws:lambda:us-east-1:123456789012:function:missing"


@pytest.fixture
def mocked(kit):
    """Create a state machine with a task that no function runs; return its mocks, and a function that runs it."""

    def create(resource=MISSING, **state):
        name = kit.name()
        machine = kit.machine(chain(It=task(resource, **state)), name=name)
        return kit.cloud.state_machine(name), lambda given=None: kit.run(machine, given)

    return create


def test_mocked_task_returns_the_result_without_a_call(mocked):
    """https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-test-sm-exec.html"""
    mocks, run = mocked()
    mock = mocks.mock("It", Return({"n": 2}))
    assert run({"n": 1})["output"] == {"n": 2}
    assert mock.calls == [{"n": 1}]


def test_each_attempt_has_its_own_response(mocked):
    """https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html"""
    mocks, run = mocked(Retry=[{"ErrorEquals": ["Lambda.TooManyRequestsException"]}])
    throttled = Throw("Lambda.TooManyRequestsException", "Rate exceeded")
    mock = mocks.mock("It", throttled, throttled, Return("done"))
    assert run()["output"] == "done"
    assert len(mock.calls) == 3


def test_thrown_error_fails_the_execution(mocked):
    """https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html"""
    mocks, run = mocked()
    mocks.mock("It", Throw("PaymentDeclined", "expired"))
    found = run()
    assert (found["status"], found["error"], found["cause"]) == ("FAILED", "PaymentDeclined", "expired")


def test_last_response_repeats_for_each_execution(mocked):
    mocks, run = mocked()
    mocks.mock("It", Return(1), Return(2))
    assert [run()["output"], run()["output"]] == [1, 1]


def test_mocked_callback_task_ends_with_the_result(kit, mocked):
    """https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-test-sm-exec.html"""
    mocks, run = mocked("arn:aws:states:::sqs:sendMessage.waitForTaskToken", Parameters={"QueueUrl": "none"})
    mocks.mock("It", Return({"answer": 42}))
    assert run()["output"] == {"answer": 42}


def test_result_can_depend_on_the_parameters(mocked):
    mocks, run = mocked()
    mocks.mock("It", Return(lambda parameters: parameters["n"] + 1))
    assert run({"n": 1})["output"] == 2


def test_unknown_state_machine_or_task_is_named(kit, mocked):
    mocks, _ = mocked()
    with pytest.raises(LookupError, match="has no task 'Gone'"):
        mocks.mock("Gone", Return(1))
    with pytest.raises(LookupError, match="There is no state machine 'gone'"):
        kit.cloud.state_machine("gone")
