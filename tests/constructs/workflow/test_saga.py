"""The ways through the saga's state machine, walked in its definition."""

import pytest

ANSWER = "arrange_shipping: the answer"
STEPS = ["reserve_stock", "charge_payment", "arrange_shipping", ANSWER]


def walk(states, at, *, refused=None, failing=()):
    """The tasks that run, and how it ends: `refused` says no, those `failing` raise each time."""
    ran = []
    while "Next" in states[at] or "Choices" in states[at]:
        state = states[at]
        if state["Type"] == "Choice":
            (choice,) = state["Choices"]
            assert (choice["Variable"], choice["BooleanEquals"]) == ("$.refused", True)
            at = choice["Next"] if ran[-1] == refused else state["Default"]
            continue
        ran.append(at)
        if at in failing and "Catch" not in state:
            return ran, "failed"
        at = caught(state) if at in failing else state["Next"]
    return ran, at


def caught(state):
    (catch,) = [catch for catch in state["Catch"] if catch["ErrorEquals"] == ["States.ALL"]]
    assert catch["ResultPath"] == "$.error"
    return catch["Next"]


@pytest.fixture(scope="session")
def states(template):
    return template.machine()["States"]


@pytest.fixture(scope="session")
def run(states, template):
    start = template.machine()["StartAt"]
    return lambda **how: walk(states, start, **how)


def test_an_order_that_nobody_refuses_is_completed(run):
    assert run() == ([*STEPS, "complete_order"], "completed")


@pytest.mark.parametrize(
    ("refused", "undone"),
    [
        ("reserve_stock", []),
        ("charge_payment", ["release_stock"]),
        (ANSWER, ["refund_payment", "release_stock"]),
    ],
)
def test_a_refusal_undoes_the_steps_before_it_in_reverse(run, refused, undone):
    done = STEPS[: STEPS.index(refused) + 1]
    assert run(refused=refused) == ([*done, *undone, "reject_order"], "rejected")


@pytest.mark.parametrize(
    ("failing", "undone"),
    [
        ("reserve_stock", ["release_stock"]),
        ("charge_payment", ["refund_payment", "release_stock"]),
        ("arrange_shipping", ["refund_payment", "release_stock"]),
        (ANSWER, ["refund_payment", "release_stock"]),
    ],
)
def test_a_failure_undoes_its_own_step_too(run, failing, undone):
    done = STEPS[: STEPS.index(failing) + 1]
    assert run(failing=[failing]) == ([*done, *undone, "reject_order"], "rejected")


@pytest.mark.parametrize("failing", ["release_stock", "refund_payment", "reject_order"])
def test_a_way_back_that_fails_fails_its_execution_there(run, failing):
    ran, end = run(refused=ANSWER, failing=[failing])
    assert (ran[-1], end) == (failing, "failed")


def test_a_completion_that_fails_fails_its_execution_there(run):
    assert run(failing=["complete_order"]) == ([*STEPS, "complete_order"], "failed")


def test_no_state_ends_an_execution_that_a_redrive_could_not_get_past(states):
    assert not [name for name, state in states.items() if state["Type"] == "Fail"]


def test_an_execution_that_rejects_has_succeeded(states):
    assert states["rejected"]["Type"] == states["completed"]["Type"] == "Succeed"


def test_every_task_of_a_function_has_its_limits(states, template):
    functions = [states[name] for name in STEPS]
    assert all(state["TimeoutSeconds"] > 30 for state in functions)
    assert all(retry["MaxAttempts"] <= 6 for state in functions for retry in state["Retry"])


def test_a_step_is_given_the_flow_and_answers_with_the_flow(states):
    state = states["reserve_stock"]
    assert state["OutputPath"] == "$.Payload"
    assert state["Parameters"]["Payload"] == {
        "flow.$": "$",
        "attempt.$": "$$.State.RetryCount",
        "execution.$": "$$.Execution.Id",
    }


def test_executions_are_traced_and_logged_without_their_data(template):
    (machine,) = template.of("StepFunctions::StateMachine").values()
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"]["Enabled"]
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert not machine["LoggingConfiguration"]["IncludeExecutionData"]
