import time

import pytest
from asl_kit import chosen, data, failure, state

from millrace.local.services.stepfunctions.interpreter.expressions import choose, parse_timestamp

EARLY, LATE = "2016-03-14T01:59:00Z", "2016-03-14T01:59:00.5+00:00"


@pytest.mark.parametrize(
    ("operator", "value", "given", "expected"),
    [
        ("NumericEquals", 1, 1.0, True),
        ("NumericEquals", 1, True, False),
        ("NumericEquals", 1, "1", False),
        ("NumericLessThanEquals", 1, 1, True),
        ("NumericGreaterThan", 1, 2, True),
        ("StringEquals", "a", "a", True),
        ("StringLessThan", "b", "a", True),
        ("StringGreaterThanEquals", "b", 1, False),
        ("BooleanEquals", True, True, True),
        ("BooleanEquals", True, 1, False),
        ("TimestampEquals", "2016-03-14T03:59:00+02:00", EARLY, True),
        ("TimestampLessThan", LATE, EARLY, True),
        ("TimestampGreaterThanEquals", EARLY, "2016-03-14 01:59:00Z", False),
        ("IsNull", True, None, True),
        ("IsNumeric", True, True, False),
        ("IsBoolean", True, False, True),
        ("IsString", False, 1, True),
        ("IsTimestamp", True, EARLY, True),
        ("IsTimestamp", True, "2016-03-14 01:59:00Z", False),
        ("IsTimestamp", True, "2016-03-14t01:59:00z", False),
        ("IsPresent", True, None, True),
        ("StringMatches", "log-*.txt", "log-1.txt", True),
        ("StringMatches", "a*b*c", "a-c-b", False),
        ("StringMatches", r"a\*b", "a*b", True),
        ("StringMatches", r"a\*b", "axb", False),
        ("StringMatches", "*", "", True),
        ("StringMatches", "a*a", "a", False),
    ],
)
def test_comparison_of_two_values(operator, value, given, expected):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
    A timestamp needs an uppercase T and Z.
    """
    assert chosen({"Variable": "$.it", operator: value}, {"it": given}) is expected


def test_comparison_with_a_path_of_input_context_and_variable():
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    assert chosen({"Variable": "$.n", "NumericLessThanPath": "$.m"}, {"n": 1, "m": 2})
    assert chosen({"Variable": "$.n", "NumericEqualsPath": "$$.Execution.Input.n"}, {"n": 7})
    assert chosen({"Variable": "$limit", "NumericGreaterThanPath": "$.n"}, {"n": 1}, limit=2)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"Not": {"Variable": "$.b", "BooleanEquals": True}}, False),
        ({"And": [{"Variable": "$.n", "IsPresent": True}, {"Variable": "$.n", "NumericEquals": 1}]}, True),
        ({"And": [{"Variable": "$.x", "IsPresent": True}, {"Variable": "$.x", "NumericEquals": 1}]}, False),
        ({"Or": [{"Variable": "$.b", "BooleanEquals": False}, {"Not": {"Variable": "$.x", "IsPresent": True}}]}, True),
    ],
)
def test_and_or_and_not_combine_tests_from_left_to_right(rule, expected):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    assert chosen(rule, {"n": 1, "b": True}) is expected


@pytest.mark.parametrize("rule", [{"Variable": "$.x", "IsNull": True}, {"Variable": "$.n", "StringEqualsPath": "$.x"}])
def test_variable_without_a_value_fails_the_execution(rule):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html
    Recorded on AWS.
    """
    cause = "Invalid path '$.x': The choice state's condition path references an invalid value."
    assert failure(chosen, rule, {"n": "a"}) == ("States.Runtime", cause)


def test_condition_in_jsonata_must_be_a_boolean():
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    assert chosen({"Condition": "{% $states.input.n > 1 %}"}, {"n": 2}, "JSONata")
    assert chosen({"Condition": True}, {}, "JSONata")
    error, cause = failure(chosen, {"Condition": "{% $states.input.n %}"}, {"n": 2}, "JSONata")
    assert error == "States.QueryEvaluationError"
    assert cause.endswith(
        "'Choices[0]/Condition' returned an unexpected result type. Expected 'boolean', but was 'number' for value: 2"
    )


def test_rule_and_default_have_their_own_assign_and_output():
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    rules = [{"Condition": "{% $states.input.n = 1 %}", "Next": "Yes", "Output": "one"}]
    node = {"Type": "Choice", "Choices": rules, "Default": "Yes", "Output": "default"}
    choice = state(node, "JSONata", Yes={"Type": "Succeed"})
    assert [choose(choice, data({"n": n})).output.value for n in (1, 2)] == ["one", "default"]


def test_choice_without_a_match_and_default_fails():
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    choice = state(
        {"Type": "Choice", "Choices": [{"Variable": "$", "IsNull": True, "Next": "Yes"}]}, Yes={"Type": "Succeed"}
    )
    assert failure(choose, choice, data())[0] == "States.NoChoiceMatched"


@pytest.mark.parametrize("text", ["2016-03-14", "2016-03-14T01:59:00", "2016-13-14T01:59:00Z", "", None, 5])
def test_text_that_is_no_timestamp_has_no_time(text):
    """https://states-language.net/spec.html#timestamps"""
    assert parse_timestamp(text) is None


def test_pattern_with_many_stars_takes_linear_time():
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html"""
    start = time.process_time()
    assert not chosen({"Variable": "$.it", "StringMatches": "*a" * 200 + "b"}, {"it": "a" * 100_000})
    assert time.process_time() - start < 1
