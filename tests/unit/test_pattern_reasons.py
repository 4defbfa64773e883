"""Why EventBridge refuses a pattern, in its own words, and what a compiled pattern shows of itself."""

import pytest

from millrace.patterns import InvalidPatternError, compile_pattern
from millrace.patterns.pattern import Mismatch

ONE_KEY = "Only one key allowed in match expression"
ANYTHING_BUT = "Value of anything-but must be an array or single string/number value."
ONLY_STRINGS = "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported."
NO_NULL = "Inside anything but list, start|null|boolean is not supported."
MIXED = "Inside anything but list, either all values are number or string, mixed type is not supported"
CASE_STRING = "equals-ignore-case match pattern must be a string"
TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
    "wildcard character"
)


@pytest.mark.parametrize(
    ("operand", "reason"),
    [
        ([], "Match value must be String, number, true, false, or null"),
        ({}, "Match expression name not found"),
        ({"prefix": "x", "suffix": "y"}, ONE_KEY),
        ({"like": "x"}, "Unrecognized match type like"),
        ({"exactly": 1}, "exact match pattern must be a string"),
        ({"prefix": 1}, "prefix match pattern must be a string"),
        ({"prefix": {}}, "Prefix expression name not found"),
        ({"prefix": {"equals-ignore-case": 1}}, CASE_STRING),
        ({"prefix": {"exactly": "x"}}, "Unsupported prefix pattern: exactly"),
        ({"suffix": 1}, "suffix match pattern must be a string"),
        ({"suffix": {}}, "Suffix expression name not found"),
        ({"suffix": {"exactly": "x"}}, "Unsupported suffix pattern: exactly"),
        ({"equals-ignore-case": 1}, CASE_STRING),
        ({"wildcard": 1}, "wildcard match pattern must be a string"),
        ({"wildcard": "é**"}, "Consecutive wildcard characters at pos 3"),
        ({"wildcard": r"é\x"}, "Invalid escape character at pos 3"),
        ({"wildcard": "*" + "ab" * 12}, TOO_COMPLEX),
        ({"exists": 1}, "exists match pattern must be either true or false."),
        ({"exists": True, "prefix": "x"}, ONE_KEY),
        ({"anything-but": None}, ANYTHING_BUT),
        ({"anything-but": True}, ANYTHING_BUT),
        ({"anything-but": [None]}, NO_NULL),
        ({"anything-but": [True]}, NO_NULL),
        ({"anything-but": [1, "x"]}, MIXED),
        ({"anything-but": []}, MIXED),
        ({"anything-but": [5e9 + 1]}, "Value must be between -5.0E9 and 5.0E9, inclusive"),
        ({"anything-but": {}}, "Anything-but expression name not found"),
        ({"anything-but": {"prefix": "x", "suffix": "y"}}, ONE_KEY),
        ({"anything-but": {"exists": True}}, "Unsupported anything-but pattern: exists"),
        ({"anything-but": {"prefix": None}}, ANYTHING_BUT),
        ({"anything-but": {"prefix": []}}, "Empty arrays are not allowed"),
        ({"anything-but": {"prefix": ""}}, "Null prefix/suffix not allowed"),
        ({"anything-but": {"suffix": [""]}}, "Null prefix/suffix not allowed"),
        ({"anything-but": {"suffix": 1}}, "prefix/suffix match pattern must be a string"),
        ({"anything-but": {"equals-ignore-case": 1}}, ONLY_STRINGS),
        ({"cidr": 1}, "cidr match pattern must be a string"),
        ({"cidr": "10.0.0.1"}, "Malformed CIDR, one '/' required"),
        ({"cidr": "10.0.0.0/8/8"}, "Malformed CIDR, one '/' required"),
        ({"cidr": "10.0.0.0/x"}, "Malformed CIDR, mask bits must be an integer"),
        ({"cidr": "10.0.0.0/"}, "Malformed CIDR, mask bits must be an integer"),
        ({"cidr": "10.0.0.0/-1"}, "Malformed CIDR, mask bits must not be negative"),
        ({"cidr": "10.0.0.256/8"}, "Nonstandard IP address: 10.0.0.256"),
        ({"cidr": "10.0.0.1/32"}, "IPv4 mask bits must be < 32"),
        ({"cidr": "::1/128"}, "IPv6 mask bits must be < 128"),
        ({"numeric": 5}, "Value of numeric must be an array."),
        ({"numeric": []}, "Invalid member in numeric match: ]"),
        ({"numeric": [5]}, "Invalid member in numeric match: 5"),
        ({"numeric": ["!=", 5]}, "Unrecognized numeric range operator: !="),
        ({"numeric": ["="]}, "Value of equals must be numeric"),
        ({"numeric": [">", True]}, "Value of > must be numeric"),
        ({"numeric": ["<", 5, ">", 0]}, "Too many elements in numeric expression"),
        ({"numeric": [">", 0, ">", 5]}, "Bad numeric range operator: >"),
        ({"numeric": [">", 0, "<", 5, "<", 6]}, "Too many terms in numeric range expression"),
        ({"numeric": [">", 5, "<", 5]}, "Bottom must be less than top"),
        ({"numeric": ["<", 0.1234567]}, "Only values upto 6 decimals are supported: 0.1234567"),
    ],
)
def test_a_refused_operand_has_the_reason_of_aws(operand, reason):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"""
    with pytest.raises(InvalidPatternError) as caught:
        compile_pattern({"a": {"f": [operand]}})
    assert (caught.value.reason, caught.value.path) == (reason, "a.f")
    assert str(caught.value) == f"Event pattern is not valid. Reason: {reason} at a.f"


@pytest.mark.parametrize(
    ("pattern", "reason", "path"),
    [
        ([], "Filter is not an object", ""),
        ({}, "Empty objects are not allowed", ""),
        ({"a": {}}, "Empty objects are not allowed", "a"),
        ({"a": []}, "Empty arrays are not allowed", "a"),
        ({"a": {"b": 1}}, '"b" must be an object or an array', "a.b"),
        ({"a": {"b": {"c": 1}}}, '"c" must be an object or an array', "a.b.c"),
        ('{"a": ["x"]' + " " * 2040 + "}", "Event pattern size 2052 exceeds the maximum size 2048", ""),
        ({"a": {"$or": 1}}, "It must be an Array followed with $or.", "a.$or"),
        ({"$or": [{"a": [1]}]}, "There must have at least 2 Objects in $or relationship.", "$or"),
        ({"$or": [{"a": [1]}, 1]}, "Only JSON object is allowed in array of $or relationship.", "$or"),
        ({"$or": [{"a": [1]}, {}]}, "Empty objects are not allowed", ""),
        (
            {"$or": [{"a": [1]}, {"b": {"numeric": [1]}}]},
            "numeric is Ruler reserved fieldName which cannot be used inside $or.",
            "b.numeric",
        ),
        ({"source": ["x" * 2040]}, "Event pattern size 2055 exceeds the maximum size 2048", ""),
    ],
)
def test_a_refused_pattern_has_the_reason_of_aws_and_its_path(pattern, reason, path):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html"""
    with pytest.raises(InvalidPatternError) as caught:
        compile_pattern(pattern)
    assert (caught.value.reason, caught.value.path) == (reason, path)


def test_too_many_combinations_are_refused_at_their_or():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or"""
    many = [{f"k{n}": [n]} for n in range(1001)]
    for pattern, path in (({"$or": many}, "$or"), ({"x": {"$or": [{"$or": many[:501]}] * 2}}, "x.$or")):
        with pytest.raises(InvalidPatternError) as caught:
            compile_pattern(pattern, max_length=100_000)
        assert (caught.value.reason, caught.value.path) == ("$or leads to over 1000 rule combinations", path)
    assert compile_pattern({"$or": many[:1000]}, max_length=100_000)


@pytest.mark.parametrize(("length", "valid"), [(2048, True), (2049, False)])
def test_the_quota_counts_characters_of_compact_json(length, valid):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
    pattern = {"a": ["é" * (length - len('{"a":["x"],"b":[1,2]}') + 1)], "b": [1, 2]}
    if valid:
        assert compile_pattern(pattern)
    else:
        with pytest.raises(InvalidPatternError, match=f"size {length} exceeds"):
            compile_pattern(pattern)


# -- what a pattern shows ----------------------------------------------------------------------------------------------


def test_a_mismatch_is_one_line():
    line = str(Mismatch("a.b", ("é", 1), (None, "ü"), note="a note", one_of_several=True))
    assert line == 'either a.b: wanted "é" or 1, had null, "ü" (a note)'
    assert str(Mismatch("a", (True,), ())) == "a: wanted true, had nothing"


def test_a_pattern_shows_its_source():
    assert repr(compile_pattern({"a": ["é"]})) == 'Pattern({"a": ["é"]})'


def test_a_mismatch_across_elements_has_all_values():
    lines = {"lines": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}], "source": "shop"}
    (mismatch,) = compile_pattern({"lines": {"sku": ["b"], "qty": [1]}, "source": ["shop"]}).explain(lines)
    assert mismatch == Mismatch(
        "lines.qty + lines.sku",
        (1, "b"),
        (1, 2, "a", "b"),
        "each clause matches, but not within one element of the array",
    )
