"""Redrives continue with the states that did not succeed."""

import json

import pytest
from engine_kit import FUNCTION, Engine, chain, failing, task, types

DAY = 24 * 3600


@pytest.fixture
def engine():
    """An engine whose function fails until its answer is changed."""
    engine = Engine()
    engine.services.answers[FUNCTION] = failing("Broken")
    return engine


def fixed(engine, execution):
    """Fix the function, redrive the execution and return its output."""
    engine.services.answers[FUNCTION] = lambda call: call.parameters
    execution.redrive()
    engine.settle()
    return json.loads(execution.output)


def entered(execution):
    return [
        event["stateEnteredEventDetails"]["name"]
        for event in execution.history.events
        if event["type"].endswith("StateEntered")
    ]


def test_redriven_execution_continues_with_the_failed_state(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = engine.ran(chain(A={"Type": "Pass", "Result": 7}, B=task(), C={"Type": "Pass"}))
    before = len(execution.history.events)
    assert fixed(engine, execution) == 7
    assert (entered(execution), execution.redrives) == (["A", "B", "C"], 1)
    redriven = execution.history.events[before]
    assert (redriven["type"], redriven["executionRedrivenEventDetails"]) == ("ExecutionRedriven", {"redriveCount": 1})


def test_context_object_has_the_redrive(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html"""
    execution = engine.ran(chain(It=task(Parameters={"e.$": "$$.Execution", "s.$": "$$.State"})))
    found = fixed(engine, execution)
    assert (found["e"]["RedriveCount"], found["s"]["RetryCount"], "RedriveTime" in found["e"]) == (1, 0, True)


def test_only_unsuccessful_branches_run_again(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    branches = [
        chain(A={"Type": "Pass"}),
        chain(B={"Type": "Pass", "Assign": {"v": 3}}, C=task(Parameters={"v.$": "$v"})),
    ]
    execution = engine.ran(chain(It={"Type": "Parallel", "Branches": branches}), 1)
    assert fixed(engine, execution) == [1, {"v": 3}]
    assert sorted(entered(execution)) == ["A", "B", "C", "It"]


def test_only_unsuccessful_iterations_run_again(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    engine.services.answers[FUNCTION] = lambda call: failing("Broken") if call.parameters == 2 else call.parameters
    inner = chain(A={"Type": "Pass"}, B=task())
    execution = engine.ran(chain(It={"Type": "Map", "ItemProcessor": inner, "MaxConcurrency": 1}), [1, 2, 3])
    assert fixed(engine, execution) == [1, 2, 3]
    assert entered(execution) == ["It", "A", "B", "A", "B", "A", "B"]


def test_retry_of_a_redriven_parallel_runs_every_branch(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    branches = [chain(A={"Type": "Pass"}), chain(B=task())]
    retry = [{"ErrorEquals": ["Broken"], "MaxAttempts": 1}]
    execution = engine.ran(chain(It={"Type": "Parallel", "Branches": branches, "Retry": retry}))
    execution.redrive()
    engine.settle()
    assert entered(execution).count("A") == 3


def test_redriven_fail_state_is_entered_again(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = engine.ran(chain(A={"Type": "Pass"}, It={"Type": "Fail", "Error": "E"}))
    execution.redrive()
    engine.settle()
    assert entered(execution) == ["A", "It", "It"]


def test_stopped_execution_continues_with_its_state(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = engine.begin(chain(A={"Type": "Wait", "Seconds": 900}, B={"Type": "Pass"}), 5)
    execution.stop("Lost", None)
    assert fixed(engine, execution) == 5
    assert (execution.error, types(execution)[-1]) == (None, "ExecutionSucceeded")


def test_execution_is_redrivable_for_fourteen_days(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html"""
    execution = engine.ran(chain(It=task()))
    assert execution.not_redrivable() is None
    engine.advance(14 * DAY + 1)
    assert execution.not_redrivable() == "Execution redrivable period exceeded"


def test_succeeded_execution_is_not_redrivable(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_RedriveExecution.html"""
    execution = engine.ran(chain(It={"Type": "Pass"}))
    assert execution.not_redrivable() == "Execution is SUCCEEDED and cannot be redriven"
    with pytest.raises(ValueError, match="cannot be redriven"):
        execution.redrive()
