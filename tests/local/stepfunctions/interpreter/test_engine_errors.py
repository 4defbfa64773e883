"""Retry and Catch."""

import random

import pytest
from engine_kit import FUNCTION, Engine, chain, failing, jsonata, task, types

from millrace.local.services.stepfunctions.interpreter.definition import Retrier
from millrace.local.services.stepfunctions.interpreter.retry import backoff


@pytest.fixture
def engine():
    return Engine()


def caught(engine, error, *names):
    """Return whether a catcher with these names catches an error of a function."""
    engine.services.answers[FUNCTION] = failing(error, "why")
    it = task(Catch=[{"ErrorEquals": list(names), "Next": "No"}], End=True)
    return engine.ran(chain(It=it, No={"Type": "Succeed"})).status == "SUCCEEDED"


@pytest.mark.parametrize(
    ("error", "name", "expected"),
    [
        ("KeyError", "KeyError", True),
        ("KeyError", "States.ALL", True),
        ("KeyError", "States.TaskFailed", True),
        ("KeyError", "States.Timeout", False),
        (None, "States.ALL", True),
        ("States.DataLimitExceeded", "States.ALL", True),
        ("States.Runtime", "States.ALL", False),
        ("States.Runtime", "States.TaskFailed", False),
        ("States.Timeout", "States.TaskFailed", False),
        ("States.Timeout", "States.ALL", True),
    ],
)
def test_catcher_matches_names_and_wildcards(engine, error, name, expected):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
    Differs: States.ALL catches States.DataLimitExceeded, as recorded executions show. AWS documents that it does not.
    """
    assert caught(engine, error, name) is expected


def test_error_output_goes_to_the_result_path(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    engine.services.answers[FUNCTION] = failing("E", '{"a":1}')
    catch = [{"ErrorEquals": ["E"], "ResultPath": "$.failure", "Next": "No"}]
    definition = chain(It=task(Catch=catch, End=True), No={"Type": "Succeed"})
    assert engine.output(definition, {"n": 1}) == {"n": 1, "failure": {"Error": "E", "Cause": '{"a":1}'}}


def test_catcher_in_jsonata_has_the_error_output(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    engine.services.answers[FUNCTION] = failing("E")
    catch = {"ErrorEquals": ["E"], "Assign": {"e": "{% $states.errorOutput.Error %}"}, "Next": "No"}
    definition = jsonata(
        It=task(Catch=[catch | {"Output": "{% $states.input %}"}], End=True),
        No={"Type": "Pass", "Output": "{% [$e, $states.input] %}"},
    )
    assert engine.output(definition, 7) == ["E", 7]


def test_failed_output_of_a_task_can_be_caught(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    catch = [{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "No"}]
    execution = engine.ran(
        jsonata(It=task(Output="{% $states.result.x.y %}", Catch=catch, End=True), No={"Type": "Succeed"})
    )
    assert execution.status == "SUCCEEDED"
    assert "EvaluationFailed" in types(execution)


def test_retriers_count_their_own_attempts(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    errors = iter("ABABAB")
    engine.services.answers[FUNCTION] = lambda _: failing(next(errors))
    retry = [{"ErrorEquals": ["A"], "MaxAttempts": 2}, {"ErrorEquals": ["B"], "MaxAttempts": 1}]
    assert engine.failure(chain(It=task(Retry=retry)))[0] == "B"
    assert len(engine.services.calls) == 4


def test_first_retrier_that_matches_decides(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    engine.services.answers[FUNCTION] = failing("A")
    retry = [{"ErrorEquals": ["A"], "MaxAttempts": 0}, {"ErrorEquals": ["States.ALL"]}]
    engine.failure(chain(It=task(Retry=retry)))
    assert len(engine.services.calls) == 1


def test_retry_count_is_in_the_context_object(engine):
    """https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html"""
    answers = iter([failing("A"), failing("A"), None])
    engine.services.answers[FUNCTION] = lambda _: next(answers)
    it = task(Parameters={"n.$": "$$.State.RetryCount"}, Retry=[{"ErrorEquals": ["A"]}])
    engine.output(chain(It=it))
    assert [call.parameters["n"] for call in engine.services.calls] == [0, 1, 2]


@pytest.mark.parametrize(
    ("more", "delays"),
    [
        ({}, [1, 2, 4]),
        ({"interval_seconds": 3, "backoff_rate": 1.5}, [3, 4.5, 6.75]),
        ({"interval_seconds": 100, "max_delay_seconds": 150}, [100, 150, 150]),
    ],
)
def test_delay_grows_up_to_its_maximum(more, delays):
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    retrier = Retrier(error_equals=("E",), **more)
    assert [backoff(retrier, made, random.Random(1)) for made in range(3)] == delays


def test_full_jitter_is_random_up_to_the_delay():
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    retrier = Retrier(error_equals=("E",), interval_seconds=100, jitter_strategy="FULL")
    found = {backoff(retrier, 0, random.Random(seed)) for seed in range(20)}
    assert len(found) == 20
    assert 0 <= min(found) <= max(found) <= 100


def test_delay_of_a_late_retry_is_finite():
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html"""
    retrier = Retrier(error_equals=("E",), backoff_rate=10.0, max_delay_seconds=60)
    assert backoff(retrier, 5000, random.Random(1)) == 60
