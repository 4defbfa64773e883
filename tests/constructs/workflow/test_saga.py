"""The paths through the saga's state machine, followed in its definition."""

import pytest

ANSWER = "arrange_shipping: answer"
STEPS = ["reserve_stock", "charge_payment", "arrange_shipping", ANSWER]


def walk(states, current, *, refused=None, failing=()):
    """Return the tasks that run and the result, given a task that refuses and tasks that fail."""
    ran = []
    while "Next" in states[current] or "Choices" in states[current]:
        state = states[current]
        if state["Type"] == "Choice":
            (choice,) = state["Choices"]
            assert (choice["Variable"], choice["BooleanEquals"]) == ("$.refused", True)
            current = choice["Next"] if ran[-1] == refused else state["Default"]
            continue
        ran.append(current)
        if current in failing and "Catch" not in state:
            return ran, "failed"
        current = caught(state) if current in failing else state["Next"]
    return ran, current


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
    return lambda **outcome: walk(states, start, **outcome)


def test_saga_without_refusals_completes(run):
    assert run() == ([*STEPS, "complete_order"], "completed")


@pytest.mark.parametrize(
    ("refused", "undone"),
    [
        ("reserve_stock", []),
        ("charge_payment", ["release_stock"]),
        (ANSWER, ["refund_payment", "release_stock"]),
    ],
)
def test_refusal_undoes_earlier_steps_in_reverse(run, refused, undone):
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
def test_failure_also_undoes_its_own_step(run, failing, undone):
    done = STEPS[: STEPS.index(failing) + 1]
    assert run(failing=[failing]) == ([*done, *undone, "reject_order"], "rejected")


@pytest.mark.parametrize("failing", ["release_stock", "refund_payment", "reject_order"])
def test_failed_undo_fails_the_execution_in_its_state(run, failing):
    ran, end = run(refused=ANSWER, failing=[failing])
    assert (ran[-1], end) == (failing, "failed")


def test_failed_completion_fails_the_execution_in_its_state(run):
    assert run(failing=["complete_order"]) == ([*STEPS, "complete_order"], "failed")


def test_state_machine_has_no_fail_state(states):
    assert not [name for name, state in states.items() if state["Type"] == "Fail"]


def test_rejection_is_a_successful_execution(states):
    assert states["rejected"]["Type"] == states["completed"]["Type"] == "Succeed"


def test_every_task_has_a_timeout_and_limited_retries(states, template):
    tasks = [states[name] for name in STEPS]
    assert all(state["TimeoutSeconds"] > 30 for state in tasks)
    assert all(retry["MaxAttempts"] <= 50 for state in tasks for retry in state["Retry"])


def test_throttles_have_more_retries_than_failures_of_a_step(states):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    throttles, in_progress, failures = states["reserve_stock"]["Retry"]
    assert "Lambda.TooManyRequestsException" in throttles["ErrorEquals"]
    assert (throttles["MaxAttempts"], throttles["MaxDelaySeconds"]) == (50, 300)
    assert (failures["ErrorEquals"], failures["MaxAttempts"]) == (["States.ALL"], 2)
    assert in_progress["ErrorEquals"] == ["InProgressError"]


def test_task_passes_the_flow_to_its_function_and_returns_it(states):
    state = states["reserve_stock"]
    assert state["OutputPath"] == "$.Payload"
    assert state["Parameters"]["Payload"] == {
        "flow.$": "$",
        "attempt.$": "$$.State.RetryCount",
        "execution.$": "$$.Execution.Id",
    }


def test_executions_are_traced_and_logged_without_data(template):
    (machine,) = template.of("StepFunctions::StateMachine").values()
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"]["Enabled"]
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert not machine["LoggingConfiguration"]["IncludeExecutionData"]
