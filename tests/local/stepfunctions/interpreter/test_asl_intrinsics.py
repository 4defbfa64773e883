import pytest
from asl_kit import failure, path

from millrace.local.services.stepfunctions.interpreter.expressions.intrinsics import compile_call

GIVEN = {
    "n": 2,
    "all": [1, 2, 3],
    "a": {"x": 1, "in": {"y": 1}},
    "b": {"in": {"z": 2}},
    "csv": "a,,b;c",
    "folder": r"C:\data\\{}",
    "o": {"Arg1": 1, "Arg2": []},
}


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("States.Format('{} of {}', $.n, $.all[2])", "2 of 3"),
        ("States.Format('{}|{}|{}', null, true, 1.5)", "null|true|1.5"),
        ("States.Format('{}', $.o)", "{Arg1=1, Arg2=[]}"),
        (r"States.Format('it\'s \{{}\}', $.n)", "it's {2}"),
        ("States.Format($$.State.Name)", "It"),
        ("States.Format($.folder, 'x')", r"C:\data\x"),
        ("States.StringToJson('[1]')", [1]),
        ("States.JsonToString($.a)", '{"x":1,"in":{"y":1}}'),
        ("States.Array()", []),
        ("States.Array(1, $.n, 'a, b', States.Array(null))", [1, 2, "a, b", [None]]),
        ("States.ArrayPartition($.all, 2)", [[1, 2], [3]]),
        ("States.ArrayContains($.all, $.n)", True),
        ("States.ArrayContains(States.Array(true), 1)", False),
        ("States.ArrayRange(1, 9, 2)", [1, 3, 5, 7, 9]),
        ("States.ArrayRange(5, 1, -2)", [5, 3, 1]),
        ("States.ArrayRange(5, 1, 1)", []),
        ("States.ArrayRange(1.6, 1.4, 1)", [1]),
        ("States.ArrayGetItem($.all, 1)", 2),
        ("States.ArrayLength($.all)", 3),
        ("States.ArrayUnique(States.Array(1, 1, true, '1', 2))", [1, True, "1", 2]),
        ("States.Base64Encode('héllo')", "aMOpbGxv"),
        ("States.Base64Decode('aMOpbGxv')", "héllo"),
        ("States.Base64Decode('YWI')", "ab"),
        ("States.Hash('a', 'SHA-1')", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("States.JsonMerge($.a, $.b, false)", {"x": 1, "in": {"z": 2}}),
        ("States.MathAdd(1.6, 2.7)", 5),
        ("States.MathAdd(2147483646, 1)", 2147483647),
        ("States.StringSplit($.csv, ',;')", ["a", "b", "c"]),
        ("States.ArrayGetItem(States.StringSplit('2020-05-27T08', 'T'), 0)", "2020-05-27"),
    ],
)
def test_intrinsic_function_has_the_value_that_aws_gives(call, value):
    """https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
    Recorded on AWS: StringSplit leaves out what is empty, ArrayRange cuts fractions off, MathAdd rounds, Base64Decode
    accepts missing padding, and Format writes objects as Java does.
    """
    assert path(call, GIVEN) == value


@pytest.mark.parametrize(
    "call",
    [
        "States.Format('{} {}', 1)",
        "States.Format('{}', 1, 2)",
        "States.Format('Hello {', 1)",
        "States.ArrayPartition($.all, 0)",
        "States.ArrayRange(1, 10, 0)",
        "States.ArrayRange(1, 1001, 1)",
        "States.ArrayGetItem($.all, 3)",
        "States.ArrayGetItem($.all, -1)",
        "States.ArrayLength($.a)",
        "States.Hash('a', 'SHA-224')",
        "States.JsonMerge($.a, $.b, true)",
        "States.JsonMerge($.a, null, false)",
        "States.MathAdd('1', 1)",
        "States.MathAdd(true, 1)",
        "States.MathAdd(2147483647, 1)",
        "States.MathRandom(1, 1)",
        "States.StringSplit($.n, ',')",
    ],
)
def test_invalid_argument_of_an_intrinsic_function_fails_the_execution(call):
    """https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
    Recorded on AWS: the error is States.Runtime.
    """
    error, cause = failure(path, call, GIVEN)
    name = call.partition("(")[0]
    assert error == "States.Runtime"
    assert cause.startswith(
        f"There was an error while evaluating the intrinsic function: {call}. Invalid arguments in {name}"
    )


def test_path_without_a_value_as_an_argument_is_named_in_the_cause():
    """https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html"""
    cause = failure(path, "States.Base64Decode($.missing)", {})[1]
    assert cause.endswith("The JsonPath argument for the field '$.missing' could not be found in the input '{}'")


@pytest.mark.parametrize(
    "call", ["States.StringToJson('{')", "States.Base64Encode($.long)", "States.Hash($.long, 'MD5')"]
)
def test_data_that_does_not_fit_an_intrinsic_function_fails_the_execution(call):
    """https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html"""
    assert failure(path, call, {"long": "x" * 10_001})[0] == "States.Runtime"


@pytest.mark.parametrize(
    "text",
    [
        "States.Nothing(1)",
        "States.Format()",
        "States.MathAdd(1)",
        "States.MathAdd(1, 2, 3)",
        "States.Array(1",
        "States.Array(1) + 1",
        "States.Array('a)",
        "States.Array(x)",
        "States.Array(" * 11 + ")" * 11,
        "States.Array(" * 100_000,
    ],
)
def test_call_that_is_none_is_refused(text):
    """https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
    At most ten functions can be nested.
    """
    with pytest.raises(ValueError, match=r".+"):
        compile_call(text)


def test_ten_intrinsic_functions_can_be_nested():
    """https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html"""
    assert path("States.Array(" * 10 + "1" + ")" * 10) == [[[[[[[[[[1]]]]]]]]]]


def test_random_values_follow_the_seed_of_the_execution():
    """https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html"""
    both = "States.Array(States.UUID(), States.MathRandom(1, 1000000))"
    assert path(both, seed=1) == path(both, seed=1) != path(both, seed=2)
    assert path("States.MathRandom(1, 100, 42)", seed=1) == path("States.MathRandom(1, 100, 42)", seed=2)
