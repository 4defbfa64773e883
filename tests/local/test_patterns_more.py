"""Rules of event patterns from AWS's user guide and from Ruler, each named by its rule; explaining; the index."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.patterns import (
    MAX_PATTERN_LENGTH,
    InvalidPattern,
    PatternIndex,
    compile_pattern,
)

LINES = {"lines": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]}
EITHER = {"source": ["shop"], "$or": [{"a": [1]}, {"b": [2], "c": [3]}]}


def matches(pattern, event):
    return compile_pattern(pattern).matches(event)


def refusal(pattern):
    with pytest.raises(InvalidPattern) as caught:
        compile_pattern(pattern)
    return str(caught.value)


def holds(operand, value):
    """Whether a value satisfies one entry of a clause."""
    return matches({"field": [operand]}, {"field": value})


class TestExactValues:
    @pytest.mark.parametrize("written", ["300", "300.0", "3.0e2"])
    def test_numbers_are_equal_however_they_are_written(self, written):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-numeric-matching"""
        assert compile_pattern(f'{{"n": [{written}]}}').matches({"n": 300})
        assert holds(300, json.loads(written))

    @pytest.mark.parametrize(
        ("wanted", "value"), [(1, True), (True, 1), (0, False), ("1", 1), (1, "1"), (None, ""), (None, "null")]
    )
    def test_values_of_another_type_are_not_equal(self, wanted, value):
        assert not holds(wanted, value)

    def test_an_account_number_beyond_the_numeric_bounds_is_still_matched_exactly(self):
        assert holds(123456789012, 123456789012)

    def test_several_values_are_alternatives_and_several_fields_are_conditions(self):
        pattern = {"a": ["x", "y"], "b": ["z"]}
        assert matches(pattern, {"a": "y", "b": "z"})
        assert not matches(pattern, {"a": "y", "b": "other"})

    def test_arn_characters_are_matched_exactly(self):
        assert not holds("arn:aws:s3:::bucket/key", "arn:aws:s3:::bucket:key")

    def test_an_ip_address_equals_every_way_of_writing_it(self):
        assert holds("10.0.0.1", "10.0.0.001")
        assert holds("2001:db8::1", "2001:0db8:0:0:0:0:0:1")

    def test_exactly_is_an_operator_of_ruler(self):
        assert holds({"exactly": "x"}, "x")


class TestText:
    @pytest.mark.parametrize("value", [12, None, True])
    @pytest.mark.parametrize(
        "operand", [{"prefix": ""}, {"suffix": ""}, {"wildcard": "*"}, {"equals-ignore-case": "true"}]
    )
    def test_text_operators_look_only_at_strings(self, operand, value):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"""
        assert not holds(operand, value)

    @pytest.mark.parametrize(
        ("operand", "value", "expected"),
        [
            ({"prefix": "Ab"}, "Abc", True),
            ({"prefix": "Ab"}, "abc", False),
            ({"prefix": "Ab"}, "xAb", False),
            ({"suffix": ".Png"}, "a.Png", True),
            ({"suffix": ".Png"}, "a.png", False),
            ({"suffix": ".Png"}, ".Png.gz", False),
            ({"exactly": "Ab"}, "ab", False),
            ({"wildcard": "Ab*"}, "abc", False),
            ({"anything-but": "Ab"}, "ab", True),
            ({"anything-but": {"prefix": "Ab"}}, "abc", True),
            ({"anything-but": {"suffix": "Bc"}}, "abc", True),
            ({"anything-but": {"wildcard": "A*"}}, "abc", True),
        ],
    )
    def test_text_operators_respect_case(self, operand, value, expected):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"""
        assert holds(operand, value) is expected

    def test_prefix_and_suffix_can_ignore_case(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-prefix-matching"""
        assert holds({"prefix": {"equals-ignore-case": "EventB"}}, "eVENTbridge")
        assert holds({"suffix": {"equals-ignore-case": ".PNG"}}, "a.png")

    def test_equals_ignore_case_takes_one_string_and_a_list_only_in_anything_but(self):
        assert "equals-ignore-case match pattern must be a string" in refusal({"a": [{"equals-ignore-case": ["x"]}]})
        assert not holds({"anything-but": {"equals-ignore-case": ["x", "y"]}}, "Y")

    def test_an_expression_has_one_key(self):
        assert "Only one key allowed in match expression at a" in refusal({"a": [{"prefix": "x", "suffix": "y"}]})

    @pytest.mark.parametrize("operator", ["prefix", "suffix"])
    def test_only_ignoring_case_goes_inside_prefix_and_suffix(self, operator):
        assert f"Unsupported {operator} pattern: wildcard" in refusal({"a": [{operator: {"wildcard": "x"}}]})


class TestWildcards:
    def test_a_star_matches_any_number_of_characters(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching"""
        assert all(holds({"wildcard": "a*c"}, value) for value in ("ac", "abc", "a\nb\nc"))
        assert not holds({"wildcard": "a*c"}, "abcd")

    def test_other_characters_stand_for_themselves(self):
        assert not holds({"wildcard": "a.c?"}, "abcd")

    def test_a_backslash_makes_a_star_or_a_backslash_plain(self):
        assert holds({"wildcard": r"\*"}, "*")
        assert holds({"wildcard": r"a\\b"}, r"a\b")
        assert not holds({"wildcard": r"\*"}, "x")

    def test_an_escaped_star_may_stand_beside_a_star(self):
        assert holds({"wildcard": r"*\**"}, "a*b")

    @pytest.mark.parametrize("text", [r"a\b", "a\\"])
    def test_a_backslash_before_anything_else_is_refused(self, text):
        assert "Invalid escape character at pos 2 at f" in refusal({"f": [{"wildcard": text}]})

    @pytest.mark.parametrize("expression", [{"wildcard": "a**"}, {"anything-but": {"wildcard": ["x", "a**"]}}])
    def test_consecutive_stars_are_refused_wherever_they_stand(self, expression):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching"""
        assert "Consecutive wildcard characters at pos 2 at f" in refusal({"f": [expression]})

    def test_repeating_sequences_after_a_star_add_to_the_complexity(self):
        assert "Rule is too complex" in refusal({"f": [{"wildcard": "*" + "ab" * 12}]})
        assert holds({"wildcard": "*" + "ab" * 4}, "xabababab")

    def test_the_wildcards_of_one_field_add_up(self):
        stacks = [{"wildcard": f"*:stack/{name}/*"} for name in ("Api", "Data", "Flow", "Watch")]
        assert matches({"f": stacks[:3]}, {"f": "arn:stack/Flow/1"})
        assert "Rule is too complex" in refusal({"f": stacks})

    def test_the_longest_wildcard_compiles(self):
        assert "Rule is too complex" in refusal({"f": [{"wildcard": "*a" * 900}]})
        compile_pattern({"f": [{"wildcard": "*" + "".join(chr(0x4E00 + n) for n in range(1500))}]})


class TestAnythingBut:
    @pytest.mark.parametrize("value", ["other", 12, None, True, 1.5])
    def test_a_value_of_any_type_but_the_named_one_matches(self, value):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-anything-but"""
        assert holds({"anything-but": "named"}, value)

    def test_true_is_not_the_number_one(self):
        assert holds({"anything-but": 1}, value=True)
        assert not holds({"anything-but": [1, 2]}, 2.0)

    def test_strings_and_numbers_do_not_mix(self):
        assert "mixed type is not supported at a" in refusal({"a": [{"anything-but": [1, "x"]}]})
        assert "mixed type is not supported at a" in refusal({"a": [{"anything-but": []}]})

    def test_one_element_that_is_anything_else_is_enough_in_an_array(self):
        assert holds({"anything-but": "x"}, ["x", "y"])
        assert not holds({"anything-but": "x"}, ["x", "x"])

    def test_other_operators_are_refused_inside(self):
        assert "Unsupported anything-but pattern: numeric at a" in refusal({"a": [{"anything-but": {"numeric": []}}]})

    def test_a_list_of_expressions_is_refused(self):
        assert "Inside anything but list" in refusal({"a": [{"anything-but": [{"wildcard": "x*"}]}]})


class TestNumeric:
    @pytest.mark.parametrize(("value", "expected"), [(0, False), (0.000001, True), (5, True), (5.000001, False)])
    def test_a_range_has_a_lower_and_an_upper_bound(self, value, expected):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-numeric-matching"""
        assert holds({"numeric": [">", 0, "<=", 5]}, value) is expected

    @pytest.mark.parametrize("value", [5_000_000_001, -6e9, 0.1234567, True])
    def test_values_out_of_bounds_or_finer_than_six_decimals_are_not_compared(self, value):
        assert not holds({"numeric": [">=", -5_000_000_000]}, value)

    @pytest.mark.parametrize(
        ("terms", "reason"),
        [
            ([], "Invalid member in numeric match"),
            ([5], "Invalid member in numeric match: 5"),
            (["!=", 5], "Unrecognized numeric range operator: !="),
            (["=", "5"], "Value of equals must be numeric"),
            ([">", True], "Value of > must be numeric"),
            (["<", 5, ">", 0], "Too many elements in numeric expression"),
            ([">", 0, "<", 5, "<", 6], "Too many terms in numeric range expression"),
            ([">", 5, "<", 5], "Bottom must be less than top"),
            (["<", 5e9 + 1], "Value must be between -5.0E9 and 5.0E9, inclusive"),
            (["<", 0.1234567], "Only values upto 6 decimals are supported"),
        ],
    )
    def test_terms_that_make_no_range_are_refused(self, terms, reason):
        assert f"Reason: {reason}" in refusal({"a": [{"numeric": terms}]})


class TestCidr:
    def test_a_block_starts_at_its_network_whatever_address_names_it(self):
        assert holds({"cidr": "10.0.0.77/24"}, "10.0.0.1")

    def test_everything_is_in_the_block_of_no_bits_of_its_own_version_only(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-ip-matching"""
        assert holds({"cidr": "0.0.0.0/0"}, "255.1.2.3")
        assert not holds({"cidr": "0.0.0.0/0"}, "::1")

    @pytest.mark.parametrize("block", ["10.0.0.1/32", "::1/128", "10.0.0.1/-1", "10.0.0.1", "10.0.0.256/8", "1/2/3"])
    def test_malformed_blocks_and_blocks_of_one_address_are_refused(self, block):
        assert refusal({"ip": [{"cidr": block}]}).endswith(" at ip")


class TestExists:
    def test_null_and_the_empty_string_exist(self):
        assert holds({"exists": True}, None)
        assert holds({"exists": True}, "")

    def test_an_object_is_no_leaf_so_it_does_not_exist(self):
        event = {"detail": {"count": {"c1": 100}}}
        assert matches({"detail": {"count": [{"exists": False}]}}, event)
        assert not matches({"detail": {"count": [{"exists": True}]}}, event)

    def test_an_empty_array_does_not_exist(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-exists-matching"""
        assert holds({"exists": False}, [])

    def test_only_true_and_false_are_taken(self):
        assert "exists match pattern must be either true or false. at a" in refusal({"a": [{"exists": 1}]})

    def test_absence_and_values_can_be_alternatives(self):
        pattern = {"a": [{"exists": False}, "x"]}
        assert matches(pattern, {"b": 1})
        assert matches(pattern, {"a": "x"})
        assert not matches(pattern, {"a": "y"})


class TestArrays:
    def test_an_array_matches_by_any_element_however_deep(self):
        assert holds("x", ["y", ["z", ["x"]]])

    def test_fields_of_objects_in_an_array_must_match_in_one_element(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html"""
        assert matches({"lines": {"sku": ["b"], "qty": [2]}}, LINES)
        assert not matches({"lines": {"sku": ["b"], "qty": [1]}}, LINES)

    def test_fields_of_different_arrays_are_independent(self):
        event = LINES | {"gifts": [{"sku": "z"}, {"sku": "y"}]}
        assert matches({"lines": {"sku": ["b"]}, "gifts": {"sku": ["z"]}}, event)

    def test_one_list_object_in_two_fields_counts_as_two_arrays(self):
        shared = [{"sku": "a"}, {"sku": "b"}]
        assert matches({"old": {"sku": ["a"]}, "new": {"sku": ["b"]}}, {"old": shared, "new": shared})

    def test_nested_arrays_must_agree_at_every_level(self):
        event = {
            "bands": [{"name": "A", "members": [{"n": "x", "r": 1}]}, {"name": "B", "members": [{"n": "y", "r": 2}]}]
        }
        assert matches({"bands": {"name": ["B"], "members": {"n": ["y"], "r": [2]}}}, event)
        assert not matches({"bands": {"name": ["A"], "members": {"n": ["y"]}}}, event)

    def test_absence_is_asked_of_the_element_that_matched_before_it(self):
        event = {"lines": [{"a": 1, "b": 2}, {"a": 3}]}
        assert matches({"lines": {"a": [3], "b": [{"exists": False}]}}, event)
        assert not matches({"lines": {"a": [1], "b": [{"exists": False}]}}, event)

    def test_plain_elements_of_one_array_may_match_apart(self):
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
    def test_one_object_must_match_with_everything_around_it(self, event, expected):
        assert matches(EITHER, event) is expected

    def test_two_or_clauses_must_both_match(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or"""
        pattern = {"$or": [{"a": [1]}, {"b": [1]}], "detail": {"$or": [{"c": [1]}, {"d": [1]}]}}
        assert matches(pattern, {"b": 1, "detail": {"c": 1}})
        assert not matches(pattern, {"a": 1, "b": 1, "detail": {}})

    def test_or_nests(self):
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
    def test_an_or_that_is_neither_choice_nor_field_is_refused(self, choices, reason):
        with pytest.raises(InvalidPattern, match=reason):
            compile_pattern({"$or": choices})

    def test_an_or_in_the_shape_of_a_field_is_a_field(self):
        assert matches({"$or": {"a": [1]}}, {"$or": {"a": 1}})
        assert matches({"$or": [{"prefix": "x"}, {"suffix": "y"}]}, {"$or": "xz"})

    def test_over_a_thousand_combinations_are_refused(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-complex-example-or"""
        ten = [{f"k{n}": [n]} for n in range(10)]
        compile_pattern({"a": {"$or": ten}, "b": {"$or": ten}, "c": {"$or": ten}}, max_length=10_000)
        with pytest.raises(InvalidPattern, match="over 1000 rule combinations at d"):
            compile_pattern({n: {"$or": ten} for n in "abcd"}, max_length=10_000)

    def test_a_path_given_twice_counts_as_the_last(self):
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
    def test_a_refusal_says_it_in_awss_words_and_names_the_clause(self, pattern, text):
        assert refusal(pattern) == f"Event pattern is not valid. {text}"

    def test_json_that_cannot_be_read_is_refused(self):
        assert "Expecting" in refusal("{")

    def test_a_pattern_over_the_quota_is_refused_unless_the_quota_is_raised(self):
        long = {"source": ["x" * MAX_PATTERN_LENGTH]}
        assert "exceeds the maximum size 2048" in refusal(long)
        assert compile_pattern(long, max_length=4096)


class TestExplaining:
    PATTERN = compile_pattern({"source": ["shop"], "detail": {"data": {"total": [{"numeric": [">", 100]}]}}})

    def told(self, pattern, event):
        return [str(mismatch) for mismatch in pattern.explain(event)]

    def test_an_event_that_matches_needs_no_explanation(self):
        assert self.PATTERN.explain({"source": "shop", "detail": {"data": {"total": 101}}}) == []

    def test_each_failed_clause_is_told_with_what_it_wanted_and_what_was_there(self):
        (mismatch,) = self.PATTERN.explain({"source": "shop", "detail": {"data": {"total": 42}}})
        assert (mismatch.path, mismatch.found) == ("detail.data.total", (42,))
        assert str(mismatch) == 'detail.data.total: wanted {"numeric": [">", 100]}, had 42'

    def test_a_missing_field_had_nothing(self):
        assert self.told(self.PATTERN, {"source": "bank"}) == [
            'detail.data.total: wanted {"numeric": [">", 100]}, had nothing',
            'source: wanted "shop", had "bank"',
        ]

    def test_an_object_where_a_leaf_is_wanted_is_pointed_out(self):
        (text,) = self.told(compile_pattern({"a": [{"exists": True}]}), {"a": {"b": 1}})
        assert text.endswith("had nothing (an object stands there, and a pattern compares only its leaves)")

    def test_clauses_that_hold_in_different_elements_are_told_together(self):
        pattern = compile_pattern({"lines": {"sku": ["b"], "qty": [1]}})
        (mismatch,) = pattern.explain(LINES)
        assert mismatch.path == "lines.qty + lines.sku"
        assert "not within one element of the array" in str(mismatch)

    def test_of_an_or_the_closest_choice_is_told(self):
        pattern = compile_pattern(EITHER)
        assert self.told(pattern, {"source": "shop", "b": 2}) == [
            "either a: wanted 1, had nothing",
            "either c: wanted 3, had nothing",
        ]
        assert self.told(pattern, {"source": "bank", "a": 1}) == ['source: wanted "shop", had "bank"']


NAMES = st.sampled_from(["source", "detail-type", "a", "b"])
SCALARS = st.sampled_from(["x", "y", "xy", "1", 1, 1.0, 2, True, False, None, "10.0.0.1", "10.0.0.01"])
OPERATORS = st.sampled_from(
    [{"prefix": "x"}, {"anything-but": "x"}, {"exists": False}, {"exists": True}, {"numeric": ["<", 2]}]
)
CLAUSES = st.lists(SCALARS | OPERATORS, min_size=1, max_size=3)
FIELDS = st.dictionaries(NAMES, CLAUSES | st.dictionaries(NAMES, CLAUSES, min_size=1, max_size=2), min_size=1)
PATTERNS = FIELDS | st.builds(lambda one, other, rest: rest | {"$or": [one, other]}, FIELDS, FIELDS, FIELDS)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
EVENTS = st.dictionaries(NAMES, VALUES)


def naive(patterns, event):
    return [key for key, pattern in patterns.items() if pattern.matches(event)]


class TestIndex:
    @given(st.lists(PATTERNS, max_size=8), st.lists(EVENTS, min_size=1, max_size=4), st.sets(st.integers(0, 7)))
    def test_it_answers_as_trying_every_pattern_would(self, sources, events, gone):
        patterns = {key: compile_pattern(source) for key, source in enumerate(sources)}
        index = PatternIndex()
        for key, pattern in patterns.items():
            index.add(key, pattern)
        for key in gone:
            index.discard(key)
            patterns.pop(key, None)
        assert [index.matching(event) for event in events] == [naive(patterns, event) for event in events]

    @given(PATTERNS, EVENTS)
    def test_an_explanation_is_empty_just_when_the_pattern_matches(self, source, event):
        pattern = compile_pattern(source)
        assert bool(pattern.explain(event)) is not pattern.matches(event)

    def test_keys_come_in_the_order_they_were_added(self):
        index = PatternIndex()
        index.add("z", compile_pattern({"source": [{"prefix": "s"}]}))
        index.add("a", compile_pattern({"source": ["shop"]}))
        assert index.matching({"source": "shop"}) == ["z", "a"]

    def test_a_key_added_again_keeps_its_turn_and_gets_the_new_pattern(self):
        index = PatternIndex()
        for key in "ab":
            index.add(key, compile_pattern({"source": ["shop"]}))
        index.add("a", compile_pattern({"source": ["bank", "shop"]}))
        assert index.matching({"source": "shop"}) == ["a", "b"]
        assert index.matching({"source": "bank"}) == ["a"]

    def test_nothing_is_left_of_what_was_discarded(self):
        index = PatternIndex()
        index.add("a", compile_pattern({"source": ["shop"], "detail-type": ["x", "y"]}))
        index.discard("a")
        assert (len(index), "a" in index, index._root.is_bare()) == (0, False, True)

    @pytest.mark.parametrize(
        "source",
        [
            lambda n: {"source": [f"s{n}"], "detail-type": [f"d{n}"]},
            lambda n: {"source": ["s"], "detail-type": [f"d{n}"]},
            lambda n: {"source": ["s"], "detail-type": ["d"], "detail": {"data": {"kind": [f"k{n}"]}}},
        ],
        ids=["sources apart", "detail-types apart", "a detail field apart"],
    )
    def test_of_a_thousand_rules_one_is_tried(self, source, monkeypatch):
        index = PatternIndex()
        for number in range(1000):
            index.add(number, compile_pattern(source(number)))
        tried = []
        for number, (_, pattern) in index._entries.items():
            monkeypatch.setattr(pattern, "matches", lambda _event, number=number: tried.append(number) or True)
        pattern = source(7)
        event = {"source": pattern["source"][0], "detail-type": pattern["detail-type"][0]}
        event["detail"] = {"data": {"kind": "k7"}}
        assert index.matching(event) == tried == [7]
