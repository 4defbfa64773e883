"""Structure of event patterns: arrays, $or and errors."""

import pytest

from millrace.patterns import MAX_PATTERN_LENGTH, InvalidPatternError, compile_pattern

LINES = {"lines": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]}
EITHER = {"source": ["shop"], "$or": [{"a": [1]}, {"b": [2], "c": [3]}]}


def matches(pattern, event):
    return compile_pattern(pattern).matches(event)


def error_of(pattern):
    with pytest.raises(InvalidPatternError) as caught:
        compile_pattern(pattern)
    return str(caught.value)


def holds(operand, value):
    """Whether a value matches one entry of a clause."""
    return matches({"field": [operand]}, {"field": value})


class TestArrays:
    def test_array_matches_by_any_nested_element(self):
        assert holds("x", ["y", ["z", ["x"]]])

    def test_fields_of_objects_in_an_array_must_match_in_one_element(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html"""
        assert matches({"lines": {"sku": ["b"], "qty": [2]}}, LINES)
        assert not matches({"lines": {"sku": ["b"], "qty": [1]}}, LINES)

    def test_fields_of_different_arrays_are_independent(self):
        event = LINES | {"gifts": [{"sku": "z"}, {"sku": "y"}]}
        assert matches({"lines": {"sku": ["b"]}, "gifts": {"sku": ["z"]}}, event)

    def test_one_list_object_in_two_fields_is_two_arrays(self):
        shared = [{"sku": "a"}, {"sku": "b"}]
        assert matches({"old": {"sku": ["a"]}, "new": {"sku": ["b"]}}, {"old": shared, "new": shared})

    def test_nested_arrays_must_match_in_one_element_at_each_level(self):
        event = {
            "bands": [{"name": "A", "members": [{"n": "x", "r": 1}]}, {"name": "B", "members": [{"n": "y", "r": 2}]}]
        }
        assert matches({"bands": {"name": ["B"], "members": {"n": ["y"], "r": [2]}}}, event)
        assert not matches({"bands": {"name": ["A"], "members": {"n": ["y"]}}}, event)

    def test_absence_is_tested_in_the_matching_element(self):
        event = {"lines": [{"a": 1, "b": 2}, {"a": 3}]}
        assert matches({"lines": {"a": [3], "b": [{"exists": False}]}}, event)
        assert not matches({"lines": {"a": [1], "b": [{"exists": False}]}}, event)

    def test_scalar_elements_of_an_array_match_separately(self):
        assert matches({"tags": ["x"]}, {"tags": [{"k": 1}, "x"]})


class TestOr:
    @pytest.mark.parametrize(
        ("event", "expected"),
        [
            ({"source": "shop", "a": 1}, True),
            ({"source": "shop", "b": 2, "c": 3}, True),
            ({"source": "shop", "b": 2}, False),
            ({"source": "bank", "a": 1}, False),
        ],
    )
    def test_one_alternative_and_all_other_fields_must_match(self, event, expected):
        assert matches(EITHER, event) is expected

    def test_two_or_clauses_must_both_match(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or"""
        pattern = {"$or": [{"a": [1]}, {"b": [1]}], "detail": {"$or": [{"c": [1]}, {"d": [1]}]}}
        assert matches(pattern, {"b": 1, "detail": {"c": 1}})
        assert not matches(pattern, {"a": 1, "b": 1, "detail": {}})

    def test_or_can_be_nested(self):
        pattern = {"$or": [{"a": [1]}, {"b": [1], "$or": [{"c": [1]}, {"d": [1]}]}]}
        assert matches(pattern, {"b": 1, "d": 1})
        assert not matches(pattern, {"b": 1})

    @pytest.mark.parametrize(
        ("choices", "reason"),
        [
            ("x", r"It must be an Array followed with \$or"),
            ([{"a": [1]}], "There must have at least 2 Objects"),
            ([{"a": [1]}, {}], "Empty objects are not allowed"),
            ([{"a": [1]}, ["b"]], "Only JSON object is allowed in array of"),
            ([{"numeric": [1]}, {"a": [1]}], "numeric is Ruler reserved fieldName"),
            ([{"a": {"prefix": [1]}}, {"a": [1]}], "prefix is Ruler reserved fieldName"),
        ],
    )
    def test_invalid_or_raises(self, choices, reason):
        with pytest.raises(InvalidPatternError, match=reason):
            compile_pattern({"$or": choices})

    def test_or_in_the_shape_of_a_field_is_a_field(self):
        assert matches({"$or": {"a": [1]}}, {"$or": {"a": 1}})
        assert matches({"$or": [{"prefix": "x"}, {"suffix": "y"}]}, {"$or": "xz"})

    def test_more_than_a_thousand_combinations_are_invalid(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or"""
        ten = [{f"k{n}": [n]} for n in range(10)]
        compile_pattern({"a": {"$or": ten}, "b": {"$or": ten}, "c": {"$or": ten}}, max_length=10_000)
        with pytest.raises(InvalidPatternError, match="over 1000 rule combinations at d"):
            compile_pattern({n: {"$or": ten} for n in "abcd"}, max_length=10_000)

    def test_last_clause_of_a_path_wins(self):
        pattern = {"a": ["x"], "$or": [{"a": ["y"]}, {"b": ["z"]}]}
        assert matches(pattern, {"a": "y"})


class TestRefusals:
    @pytest.mark.parametrize(
        ("pattern", "text"),
        [
            ({"detail": {"slug": "x"}}, 'Reason: "slug" must be an object or an array at detail.slug'),
            ({"source": ["x"], "detail": {}}, "Reason: Empty objects are not allowed at detail"),
            ({"detail-type": []}, "Reason: Empty arrays are not allowed at detail-type"),
            ({"a": [["x"]]}, "Reason: Match value must be String, number, true, false, or null at a"),
            ({"a": [{}]}, "Reason: Match expression name not found at a"),
            ({"a": [{"like": "x"}]}, "Reason: Unrecognized match type like at a"),
            ({}, "Reason: Empty objects are not allowed"),
            ("[1]", "Reason: Filter is not an object"),
        ],
    )
    def test_error_has_the_text_of_aws_and_names_the_clause(self, pattern, text):
        assert error_of(pattern) == f"Event pattern is not valid. {text}"

    def test_invalid_json_raises(self):
        assert "Expecting" in error_of("{")

    def test_pattern_above_the_quota_raises(self):
        long = {"source": ["x" * MAX_PATTERN_LENGTH]}
        assert "exceeds the maximum size 2048" in error_of(long)
        assert compile_pattern(long, max_length=4096)


def test_arrays_may_be_nested_deeper_than_pythons_calls():
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html"""
    nested = 1
    for _ in range(5_000):
        nested = [nested]
    found = [matches({"detail": {"a": {"b": [1]}}}, {"detail": {"a": [{"b": value}, 2]}}) for value in (nested, 2)]
    assert (found, matches({"a": [1]}, {"a": nested})) == ([True, False], True)
