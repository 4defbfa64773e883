"""The types of states, their order in the history, and their limits."""

import pytest
from engine_kit import Engine, chain, jsonata, task, types


@pytest.fixture
def engine():
    return Engine()


def test_events_of_a_state_follow_each_other(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html"""
    execution = engine.ran(chain(A={"Type": "Pass"}, B={"Type": "Succeed"}), {"n": 1})
    assert [(each["id"], each["previousEventId"], each["type"]) for each in execution.history.events] == [
        (1, 0, "ExecutionStarted"),
        (2, 0, "PassStateEntered"),
        (3, 2, "PassStateExited"),
        (4, 3, "SucceedStateEntered"),
        (5, 4, "SucceedStateExited"),
        (6, 5, "ExecutionSucceeded"),
    ]


def test_result_path_adds_to_the_raw_input(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultpath.html"""
    it = {"Type": "Pass", "InputPath": "$.a", "Parameters": {"b.$": "$.b"}, "ResultPath": "$.r", "OutputPath": "$"}
    assert engine.output(chain(It=it), {"a": {"b": 1}}) == {"a": {"b": 1}, "r": {"b": 1}}


def test_wait_ends_at_its_time(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html"""
    began = engine.clock.now()
    engine.output(chain(It={"Type": "Wait", "SecondsPath": "$.s"}), {"s": 90})
    assert engine.clock.now() - began == 90


@pytest.mark.parametrize("moment", ["2030-01-01 00:00:00Z", "2030-01-01", "2030-01-01T00:00:00", 7, None])
def test_timestamp_needs_t_and_a_zone(engine, moment):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html"""
    error, cause = engine.failure(chain(It={"Type": "Wait", "TimestampPath": "$.t"}), {"t": moment})
    assert error == "States.Runtime"
    assert "TimestampPath parameter does not reference a valid ISO-8601" in cause


@pytest.mark.parametrize("fields", [{"Output": "{% $x.y %}"}, {"Assign": {"v": "{% $x.y %}"}}])
def test_failed_output_or_assign_is_an_evaluation_failed_event(engine, fields):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_EvaluationFailedEventDetails.html"""
    execution = engine.ran(jsonata(It={"Type": "Pass", **fields}))
    assert types(execution)[2:] == ["EvaluationFailed", "ExecutionFailed"]
    details = execution.history.events[2]["evaluationFailedEventDetails"]
    assert (details["error"], details["state"]) == ("States.QueryEvaluationError", "It")


def test_failed_seconds_is_an_evaluation_failed_event(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_EvaluationFailedEventDetails.html"""
    execution = engine.ran(jsonata(It={"Type": "Wait", "Seconds": "{% 'soon' %}"}))
    assert execution.history.events[2]["evaluationFailedEventDetails"]["location"] == "Seconds"
    assert execution.cause.startswith("An error occurred while executing the state 'It' (entered at the event id #2).")


def test_choice_has_assign_and_output_of_its_rule(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    rule = {"Condition": "{% true %}", "Next": "B", "Assign": {"v": 7}, "Output": "chosen"}
    definition = jsonata(
        A={"Type": "Choice", "Choices": [rule]}, B={"Type": "Pass", "Output": "{% [$v, $states.input] %}"}
    )
    assert engine.output(definition) == [7, "chosen"]


def test_choice_without_a_match_fails(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    definition = chain(
        A={"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "B"}]}, B={"Type": "Succeed"}
    )
    error, cause = engine.failure(definition, 2)
    assert error == "States.NoChoiceMatched"
    assert cause.endswith("Failed to transition out of the state. The state does not point to a next state.")


def test_fail_state_reads_its_error_and_cause_by_path(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html"""
    it = {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('{}!', $.c)"}
    assert engine.failure(chain(It=it), {"e": "Broken", "c": "old"}) == ("Broken", "old!")


def test_variables_of_one_assign_are_set_together(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html"""
    definition = jsonata(
        A={"Type": "Pass", "Assign": {"a": 1, "b": 2}},
        B={"Type": "Pass", "Assign": {"a": "{% $b %}", "b": "{% $a %}"}, "Output": "{% $a %}"},
        C={"Type": "Pass", "Output": "{% [$a, $b, $states.input] %}"},
    )
    assert engine.output(definition) == [2, 1, 1]


def test_history_has_assigned_variables_as_json(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StateExitedEventDetails.html"""
    execution = engine.ran(chain(It={"Type": "Pass", "Assign": {"kept": {"a": 'b"'}}}))
    assert execution.history.events[2]["stateExitedEventDetails"]["assignedVariables"] == {"kept": '{"a":"b\\""}'}


def test_output_over_256_kib_fails_the_state(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    it = {"Type": "Pass", "Parameters": {"a.$": "$", "b.$": "$"}}
    assert engine.failure(chain(It=it), "é" * 70_000)[0] == "States.DataLimitExceeded"
    assert engine.output(chain(It={"Type": "Pass"}), "é" * 131_071) == "é" * 131_071


def test_endless_execution_fails_when_its_history_is_full(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
    choice = {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 1, "Next": "C"}], "Default": "A"}
    execution = engine.ran(chain(A={"Type": "Pass"}, B=choice, C={"Type": "Succeed"}))
    assert execution.error == "States.Runtime"
    assert len(execution.history.events) == 25_000


def test_stopped_execution_has_the_given_error(engine):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_StopExecution.html"""
    execution = engine.begin(chain(It={"Type": "Wait", "Seconds": 900}))
    execution.stop("Enough", "late")
    engine.settle()
    assert (execution.status, types(execution)[-1]) == ("ABORTED", "ExecutionAborted")
    assert execution.history.events[-1]["executionAbortedEventDetails"] == {"error": "Enough", "cause": "late"}


def test_timeout_ends_an_execution(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html"""
    execution = engine.ran({**chain(It={"Type": "Wait", "Seconds": 5000}), "TimeoutSeconds": 1000})
    assert (execution.status, types(execution)[-1]) == ("TIMED_OUT", "ExecutionTimedOut")


def test_express_execution_ends_after_five_minutes(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/choosing-workflow-type.html"""
    execution = engine.ran(chain(It={"Type": "Wait", "Seconds": 1000}), express=True)
    assert (execution.status, execution.stopped_at - execution.started_at) == ("TIMED_OUT", 300)


def test_same_seed_and_definition_have_the_same_history():
    """The scheduler orders the branches."""
    inner = chain(W={"Type": "Wait", "Seconds": 5}, T=task(Retry=[{"ErrorEquals": ["E"], "JitterStrategy": "FULL"}]))
    definition = chain(It={"Type": "Map", "ItemProcessor": inner})
    first, second = (Engine(seed=7).ran(definition, [1, 2, 3]).history.events for _ in range(2))
    assert first == second
