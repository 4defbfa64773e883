"""Parallel states and inline Map states."""

import pytest
from engine_kit import Engine, chain, jsonata, task, types

ONE_FAILS = chain(
    Which={"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 2, "Next": "No"}], "Default": "Slow"},
    No={"Type": "Fail", "Error": "Broken"},
    Slow={"Type": "Wait", "Seconds": 9000, "End": True},
)


@pytest.fixture
def engine():
    return Engine()


def parallel(*branches, **more):
    return {"Type": "Parallel", "Branches": list(branches), **more}


def map_state(processor, **more):
    return {"Type": "Map", "ItemProcessor": processor, **more}


def test_parallel_returns_an_array_of_its_branches(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html"""
    branches = [chain(A={"Type": "Wait", "Seconds": 900}), chain(B={"Type": "Pass", "Result": 2})]
    assert engine.output(chain(It=parallel(*branches)), {"n": 1}) == [{"n": 1}, 2]


def test_failed_branch_stops_the_others(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html"""
    began = engine.clock.now()
    slow = chain(A={"Type": "Wait", "Seconds": 9000})
    failing = chain(B={"Type": "Wait", "Seconds": 10}, C={"Type": "Fail", "Error": "Broken", "Cause": "old"})
    execution = engine.ran(chain(It=parallel(slow, failing)))
    assert (execution.error, execution.cause, engine.clock.now() - began) == ("Broken", "old", 10)
    assert types(execution)[-2:] == ["ParallelStateFailed", "ExecutionFailed"]


def test_branches_have_their_own_variables(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    branch = chain(A={"Type": "Pass", "Assign": {"inner": 1}}, B={"Type": "Pass", "Output": "{% $outer + $inner %}"})
    definition = jsonata(
        Keep={"Type": "Pass", "Assign": {"outer": 1}},
        It=parallel(branch),
        After={"Type": "Pass", "Output": "{% [$states.input, $exists($inner)] %}"},
    )
    assert engine.output(definition) == [2, False]


def test_events_of_a_map_state(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html"""
    events = engine.ran(chain(It=map_state(chain(A={"Type": "Pass"}))), [7]).history.events
    assert [(each["type"], each["previousEventId"]) for each in events[1:]] == [
        ("MapStateEntered", 0),
        ("MapStateStarted", 2),
        ("MapIterationStarted", 3),
        ("PassStateEntered", 4),
        ("PassStateExited", 5),
        ("MapIterationSucceeded", 6),
        ("MapStateSucceeded", 7),
        ("MapStateExited", 7),
        ("ExecutionSucceeded", 9),
    ]
    assert events[3]["mapIterationStartedEventDetails"] == {"name": "It", "index": 0}


def test_outputs_have_the_order_of_the_items(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    selector = {"s.$": "$$.Map.Item.Value", "i.$": "$$.Map.Item.Index", "by.$": "$.by"}
    inner = chain(A={"Type": "Wait", "SecondsPath": "$.s"})
    it = map_state(inner, ItemsPath="$.all", ItemSelector=selector)
    assert engine.output(chain(It=it), {"all": [3, 1], "by": 9}) == [
        {"s": 3, "i": 0, "by": 9},
        {"s": 1, "i": 1, "by": 9},
    ]


@pytest.mark.parametrize(
    ("limit", "seconds"), [({"MaxConcurrency": 2}, 5000), ({}, 300), ({"MaxConcurrency": 99}, 300)]
)
def test_at_most_forty_iterations_run_at_once(engine, limit, seconds):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    began = engine.clock.now()
    engine.output(chain(It=map_state(chain(A={"Type": "Wait", "Seconds": 100}), **limit)), [1] * 100)
    assert engine.clock.now() - began == seconds


def test_failed_iteration_aborts_the_others(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    execution = engine.ran(chain(It=map_state(ONE_FAILS)), [1, 3, 2])
    assert (execution.error, engine.scheduler.under_way()) == ("Broken", "nothing")
    found = types(execution)
    assert (found.count("MapIterationFailed"), found.count("MapIterationAborted")) == (1, 2)
    assert found[-2:] == ["MapStateFailed", "ExecutionFailed"]


def test_map_over_a_fail_state_without_an_error_can_be_caught(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    it = map_state(chain(No={"Type": "Fail"}), Catch=catch, End=True)
    assert engine.output(chain(It=it, Caught={"Type": "Succeed"}), [1]) == {"Error": "", "Cause": ""}


def test_items_of_an_object_have_keys_in_jsonata(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    selector = "{% $states.context.Map.Item.Key & $string($states.context.Map.Item.Value) %}"
    it = map_state(chain(A={"Type": "Pass"}), Items="{% {'a': 1, 'b': 2} %}", ItemSelector=selector)
    assert engine.output(jsonata(It=it)) == ["a1", "b2"]


@pytest.mark.parametrize(("state", "error"), [(chain, "States.Runtime"), (jsonata, "States.QueryEvaluationError")])
def test_items_that_are_no_array_fail_the_state(engine, state, error):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html"""
    assert engine.failure(state(It=map_state(chain(A={"Type": "Pass"}))), 7)[0] == error


def test_jsonpath_states_run_inside_a_jsonata_map(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    inner = chain(A={"Type": "Pass", "Parameters": {"n.$": "$.n"}})
    selector = {"n": "{% $states.context.Map.Item.Value %}"}
    it = map_state(inner, QueryLanguage="JSONata", Items="{% $states.input %}", ItemSelector=selector)
    assert engine.output(chain(It=it), [1, 2]) == [{"n": 1}, {"n": 2}]


def test_deeply_nested_states_are_stopped_without_recursion(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html"""
    definition = chain(Wait={"Type": "Wait", "Seconds": 900})
    for number in range(60):
        definition = chain(**{f"P{number}": parallel(definition)})
    execution = engine.begin(definition)
    execution.stop(None, None)
    assert (types(execution)[-1], engine.scheduler.under_way()) == ("ExecutionAborted", "nothing")


def test_map_over_ten_thousand_items_ends(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    it = map_state(chain(A={"Type": "Pass"}), ResultSelector={"n.$": "States.ArrayLength($)"})
    execution = engine.ran(chain(It=it), list(range(10_000)))
    assert (execution.error, len(execution.history.events)) == ("States.Runtime", 25_000)


def test_iterations_that_use_no_events_beyond_the_limit_succeed(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    it = map_state(chain(A=task("sqs:sendMessage", Parameters={"n.$": "$"})))
    assert len(engine.output(chain(It=it), list(range(2_000)))) == 2_000
