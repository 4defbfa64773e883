import pytest
from asl_kit import data, failure, jsonata

from millrace.local.services.stepfunctions.interpreter.expressions import Field, Kind, evaluate, evaluate_integer
from millrace.local.services.stepfunctions.interpreter.expressions.jsonata_library import deep_recursion

DOUBLE = "($p := function($s, $n) { $n = 0 ? $s : $p(%s, $n - 1) }; $length($string($p('x', %d))))"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$states.input.lines.price ~> $sum()", 5),
        ("$states.context.State.Name", "It"),
        ("$order.id & $states.input.text", 'o-1a "word"\n'),
        ("$states.result", [1]),
        ("4 / 2", 2),
        ("1 / 2", 0.5),
        ("[1..3]", [1, 2, 3]),
        ("null", None),
        ("$nothing", None),
        ("$states.input.list[0]", None),
        ("{'a': null, 'b': $missing}", {"a": None}),
        ("$exists($states.input.missing)", False),
        ("$states.input.lines[price > 2].price", 3),
        ("$match('ab', /b/).match", "b"),
    ],
)
def test_expression_has_the_value_that_jsonata_gives(expression, value):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    given = {"lines": [{"price": 2}, {"price": 3}], "text": 'a "word"\n', "list": [None]}
    assert jsonata(expression, given, result=[1], order={"id": "o-1"}, nothing=None) == value


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$partition([1, 2, 3], 2.9)", [[1, 2], [3]]),
        ("$range(0, 6, 2)", [0, 2, 4, 6]),
        ("$range(-1.7, 2, 1)", [-1, 0, 1, 2]),
        ("$range(1, 1, 1)", 1),
        ("$count($range(1, 360145, 1))", 360_145),
        ("$hash('input', 'SHA-1')", "140f86aae51ab9e1cda9b4254fe98a74eb54c1a1"),
        ("$random(42)", 0.7275636800328681),
        ("$length($uuid())", 36),
        ("$parse('{\"a\": null}')", {"a": None}),
        ("$now()", "2023-11-14T22:13:20.500Z"),
        ("$millis()", 1_700_000_000_500),
        ("$pad('a', 3, '-') & $join(['b', 'c'], ',') & $replace('dd', 'd', 'e', 1)", "a--b,ced"),
    ],
)
def test_function_that_step_functions_adds_or_replaces(expression, value):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    Recorded on AWS: fractions are cut off, a range of one number is that number, and a seed is one of java.util.Random.
    """
    assert jsonata(expression) == value


@pytest.mark.parametrize(
    "expression", ["$partition([1], 0)", "$partition([], 2)", "$range(1, 3)", "$range(1, 3, -1)", "$hash('a')"]
)
def test_function_without_a_sensible_argument_returns_nothing(expression):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    Recorded on AWS.
    """
    where = f"The JSONata expression '{expression}' specified for the field 'Output'"
    assert failure(jsonata, expression) == ("States.QueryEvaluationError", f"{where} returned nothing (undefined).")


@pytest.mark.parametrize(
    ("expression", "ending"),
    [
        ("$sum('a')", '. T0412: Argument 1 of function "sum" must be an array of "numbers"'),
        ("$abs('x')", '. T0410: Argument 1 of function "abs" does not match function signature'),
        ("1 + 'a'", '. T2002: The right side of the "+" operator must evaluate to a number'),
        ("$eval('1')", ". T1006: Attempted to invoke a non-function"),
        ("$error('broken')", ". D3137: broken"),
    ],
)
def test_expression_that_throws_fails_the_state_with_the_error_of_jsonata(expression, ending):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    Recorded on AWS, as is that $eval does not exist.
    """
    error, cause = failure(jsonata, expression)
    assert error == "States.QueryEvaluationError"
    error, cause = failure(jsonata, expression)
    where = f"The JSONata expression '{expression}' specified for the field 'Output'"
    assert error == "States.QueryEvaluationError"
    assert cause == f"{where} threw an error during evaluation{ending}"


@pytest.mark.parametrize("expression", ["function($x) { $x }", "$sum", "/a/", "{'f': $sum}"])
def test_function_is_no_result(expression):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    assert failure(jsonata, expression)[1].endswith("returned an unsupported result type.")


def test_strings_at_any_depth_are_evaluated_and_named():
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    Recorded on AWS: a string with spaces around its delimiters is a literal.
    """
    template = {"a": [{"b": "{% 1 + 1 %}"}, " {% 1 %} ", "$.x"], "c.$": "$", "n": None}
    assert evaluate(Field("Output", template, Kind.JSONATA), data()) == {
        **template,
        "a": [{"b": 2}, " {% 1 %} ", "$.x"],
    }
    missing = Field("Catch[0]/Output", {"a": [1, {"b": "{% $x %}"}]}, Kind.JSONATA)
    assert "the field 'Catch[0]/Output/a[1]/b' returned nothing" in failure(evaluate, missing, data())[1]


def test_time_and_random_numbers_follow_the_execution():
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    both = "[$uuid(), $random(), $millis()]"
    assert jsonata(both, seed=3, now=1.0) == jsonata(both, seed=3, now=1.0) != jsonata(both, seed=4, now=1.0)


@pytest.mark.parametrize(
    "expression",
    [
        "[1..873783] ~> $count()",
        DOUBLE % ("$s & $s", 23),
        DOUBLE % ("[$s, $s]", 60),
        DOUBLE % ("{'a': $s, 'b': $s}", 60),
        DOUBLE % ("$map([1, 2], function() { $s })", 60),
        "$range(1, 360146, 1)",
        "$pad('x', 1000000000)",
        "$join($map([1..1000], function($i) { 'x' }), $pad('y', 100000, 'y'))",
        "$replace($pad('a', 100000, 'a'), 'a', $pad('b', 100000, 'b'))",
    ],
)
def test_expression_that_takes_too_much_memory_fails_the_state(expression):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    Recorded on AWS: the text, and the sizes of `[1..873783]`, of 2^23 characters and of `$range`.
    """
    assert failure(jsonata, expression)[1].endswith(
        ": Expression evaluation memory limit exceeded: Check for excessive memory usage"
    )


def test_largest_values_that_aws_accepts_are_accepted():
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    Recorded on AWS.
    """
    assert jsonata("[1..873782] ~> $count()") == 873_782
    assert jsonata(DOUBLE % ("$s & $s", 22)) == 2**22
    assert jsonata("+".join("1" * 100)) == 100


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("($f := function($x) { $f($x) + 1 }; $f(1))", "Stack overflow error"),
        ("+".join("1" * 101), "Depth=101 max=100"),
        ("($f := function($x) { $f($x + 1) }; $f(1))", "Check for infinite loop"),
        ("[1..800000].[1..800000]", "Check for infinite loop"),
        ("$match($pad('a', 100, 'a') & '!', /^(a|aa)+$/)", "timed out"),
        ("($__evaluate_entry := $none; 1)", "are reserved"),
    ],
)
def test_expression_that_never_ends_fails_the_state(expression, text):
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    Differs: AWS limits the time of an expression, the local cloud its steps. At most 100 levels were recorded on AWS.
    """
    assert text in failure(jsonata, expression)[1]


def test_division_by_zero_fails_the_state():
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
    Differs: AWS returns "Infinity".
    """
    assert failure(jsonata, "1 / 0")[0] == "States.QueryEvaluationError"


def test_half_of_a_surrogate_pair_becomes_a_question_mark_and_no_number_a_name():
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    assert jsonata("'a\\ud800'") == "a?"
    assert jsonata("$states.input", {"n": float("nan"), "i": float("inf"), "w": 2.0}) == {
        "n": "NaN",
        "i": "Infinity",
        "w": 2,
    }


def test_data_nested_a_thousand_deep_is_returned():
    """https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html"""
    deep = []
    for _ in range(1000):
        deep = [deep]
    with deep_recursion():
        assert jsonata("$states.input.deep", {"deep": deep}) == deep


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ("{% 'x' %}", "returned an unexpected result type. Expected 'number', but was 'string' for value: \"x\""),
        ("{% 1.5 %}", "cannot be parsed as a non-negative integer: 1.5"),
    ],
)
def test_field_with_a_number_needs_an_integer(value, cause):
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html"""
    assert evaluate_integer(Field("Seconds", "{% 1 + 1 %}", Kind.JSONATA), data()) == 2
    assert cause in failure(evaluate_integer, Field("Seconds", value, Kind.JSONATA), data())[1]


def test_path_with_a_number_needs_an_integer():
    """https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html"""
    seconds = Field("SecondsPath", "$.s", Kind.PATH)
    assert evaluate_integer(seconds, data({"s": 3})) == 3
    assert 'refers to value "-1" which is not a valid integer' in failure(evaluate_integer, seconds, data({"s": -1}))[1]
    assert (
        failure(evaluate_integer, seconds, data())[1]
        == "The SecondsPath parameter does not reference an input value: $.s"
    )
