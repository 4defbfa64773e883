"""Operators of event patterns, from AWS's user guide and Ruler."""

import json

import pytest

from millrace.patterns import InvalidPatternError, compile_pattern


def matches(pattern, event):
    return compile_pattern(pattern).matches(event)


def error_of(pattern):
    with pytest.raises(InvalidPatternError) as caught:
        compile_pattern(pattern)
    return str(caught.value)


def holds(operand, value):
    """Whether a value matches one entry of a clause."""
    return matches({"field": [operand]}, {"field": value})


class TestExactValues:
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

    @pytest.mark.parametrize("written", ["300", "300.0", "3.0e2"])
    def test_numbers_are_equal_in_each_notation(self, written):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-numeric-matching"""
        assert compile_pattern(f'{{"n": [{written}]}}').matches({"n": 300})
        assert holds(300, json.loads(written))

    @pytest.mark.parametrize(
        ("wanted", "value"), [(1, True), (True, 1), (0, False), ("1", 1), (1, "1"), (None, ""), (None, "null")]
    )
    def test_values_of_another_type_are_not_equal(self, wanted, value):
        assert not holds(wanted, value)

    def test_account_number_beyond_the_numeric_bounds_is_matched_exactly(self):
        assert holds(123456789012, 123456789012)

    def test_several_values_are_alternatives_and_several_fields_are_conditions(self):
        pattern = {"a": ["x", "y"], "b": ["z"]}
        assert matches(pattern, {"a": "y", "b": "z"})
        assert not matches(pattern, {"a": "y", "b": "other"})

    def test_arn_characters_are_matched_exactly(self):
        assert not holds("arn:aws:s3:::bucket/key", "arn:aws:s3:::bucket:key")

    def test_ip_address_matches_all_its_notations(self):
        assert holds("10.0.0.1", "10.0.0.001")
        assert holds("2001:db8::1", "2001:0db8:0:0:0:0:0:1")

    def test_exactly_is_an_operator(self):
        assert holds({"exactly": "x"}, "x")


class TestText:
    @pytest.mark.parametrize("value", [12, None, True])
    @pytest.mark.parametrize(
        "operand", [{"prefix": ""}, {"suffix": ""}, {"wildcard": "*"}, {"equals-ignore-case": "true"}]
    )
    def test_text_operators_match_only_strings(self, operand, value):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"""
        assert not holds(operand, value)

    def test_prefix_and_suffix_can_ignore_case(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-prefix-matching"""
        assert holds({"prefix": {"equals-ignore-case": "EventB"}}, "eVENTbridge")
        assert holds({"suffix": {"equals-ignore-case": ".PNG"}}, "a.png")

    def test_equals_ignore_case_accepts_a_list_only_in_anything_but(self):
        assert "equals-ignore-case match pattern must be a string" in error_of({"a": [{"equals-ignore-case": ["x"]}]})
        assert not holds({"anything-but": {"equals-ignore-case": ["x", "y"]}}, "Y")

    def test_expression_has_one_key(self):
        assert "Only one key allowed in match expression at a" in error_of({"a": [{"prefix": "x", "suffix": "y"}]})

    @pytest.mark.parametrize("operator", ["prefix", "suffix"])
    def test_prefix_and_suffix_accept_only_equals_ignore_case(self, operator):
        assert f"Unsupported {operator} pattern: wildcard" in error_of({"a": [{operator: {"wildcard": "x"}}]})


class TestWildcards:
    def test_star_matches_any_number_of_characters(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching"""
        assert all(holds({"wildcard": "a*c"}, value) for value in ("ac", "abc", "a\nb\nc"))
        assert not holds({"wildcard": "a*c"}, "abcd")

    def test_wildcards_reject_a_long_value_at_once(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching"""
        assert not holds({"wildcard": "*a*b*c*"}, "ab" * 20_000)
        assert holds({"wildcard": "*a*b*c*"}, "ab" * 20_000 + "c")
        assert holds({"wildcard": "*ab*ab"}, "aababab")

    def test_other_characters_are_literal(self):
        assert not holds({"wildcard": "a.c?"}, "abcd")

    def test_backslash_escapes_a_star_or_a_backslash(self):
        assert holds({"wildcard": r"\*"}, "*")
        assert holds({"wildcard": r"a\\b"}, r"a\b")
        assert not holds({"wildcard": r"\*"}, "x")

    def test_escaped_star_can_follow_a_star(self):
        assert holds({"wildcard": r"*\**"}, "a*b")

    @pytest.mark.parametrize("text", [r"a\b", "a\\"])
    def test_backslash_before_another_character_is_invalid(self, text):
        assert "Invalid escape character at pos 2 at f" in error_of({"f": [{"wildcard": text}]})

    @pytest.mark.parametrize("expression", [{"wildcard": "a**"}, {"anything-but": {"wildcard": ["x", "a**"]}}])
    def test_consecutive_stars_are_invalid(self, expression):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching"""
        assert "Consecutive wildcard characters at pos 2 at f" in error_of({"f": [expression]})

    def test_repeated_sequences_after_a_star_are_too_complex(self):
        assert "Rule is too complex" in error_of({"f": [{"wildcard": "*" + "ab" * 12}]})
        assert holds({"wildcard": "*" + "ab" * 4}, "xabababab")

    def test_complexities_of_one_field_add_up(self):
        stacks = [{"wildcard": f"*:stack/{name}/*"} for name in ("Api", "Data", "Flow", "Watch")]
        assert matches({"f": stacks[:3]}, {"f": "arn:stack/Flow/1"})
        assert "Rule is too complex" in error_of({"f": stacks})

    def test_long_wildcard_compiles(self):
        assert "Rule is too complex" in error_of({"f": [{"wildcard": "*a" * 900}]})
        compile_pattern({"f": [{"wildcard": "*" + "".join(chr(0x4E00 + n) for n in range(1500))}]})


class TestAnythingBut:
    @pytest.mark.parametrize("value", ["other", 12, None, True, 1.5])
    def test_anything_but_matches_values_of_other_types(self, value):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-anything-but"""
        assert holds({"anything-but": "named"}, value)

    def test_true_is_not_the_number_one(self):
        assert holds({"anything-but": 1}, value=True)
        assert not holds({"anything-but": [1, 2]}, 2.0)

    def test_strings_and_numbers_cannot_be_mixed(self):
        assert "mixed type is not supported at a" in error_of({"a": [{"anything-but": [1, "x"]}]})
        assert "mixed type is not supported at a" in error_of({"a": [{"anything-but": []}]})

    def test_one_other_element_of_an_array_is_sufficient(self):
        assert holds({"anything-but": "x"}, ["x", "y"])
        assert not holds({"anything-but": "x"}, ["x", "x"])

    def test_other_operators_inside_are_invalid(self):
        assert "Unsupported anything-but pattern: numeric at a" in error_of({"a": [{"anything-but": {"numeric": []}}]})

    def test_list_of_expressions_is_invalid(self):
        assert "Inside anything but list" in error_of({"a": [{"anything-but": [{"wildcard": "x*"}]}]})


class TestNumeric:
    @pytest.mark.parametrize(("value", "expected"), [(0, False), (0.000001, True), (5, True), (5.000001, False)])
    def test_range_has_a_lower_and_an_upper_bound(self, value, expected):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-numeric-matching"""
        assert holds({"numeric": [">", 0, "<=", 5]}, value) is expected

    @pytest.mark.parametrize("value", [5_000_000_001, -6e9, 0.1234567, True])
    def test_values_out_of_bounds_or_with_more_than_six_decimals_do_not_match(self, value):
        assert not holds({"numeric": [">=", -5_000_000_000]}, value)

    @pytest.mark.parametrize(
        ("terms", "reason"),
        [
            ([], "Invalid member in numeric match: ]"),
            ([">", 20, 30], "Bad value in numeric range: 30"),
            ([">", 20, "test"], "Bad numeric range operator: test"),
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
    def test_invalid_terms_raise(self, terms, reason):
        assert f"Reason: {reason}" in error_of({"a": [{"numeric": terms}]})


class TestCidr:
    def test_block_is_the_network_of_its_address(self):
        assert holds({"cidr": "10.0.0.77/24"}, "10.0.0.1")

    def test_block_of_zero_bits_contains_all_addresses_of_its_version(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-ip-matching"""
        assert holds({"cidr": "0.0.0.0/0"}, "255.1.2.3")
        assert not holds({"cidr": "0.0.0.0/0"}, "::1")

    @pytest.mark.parametrize("block", ["10.0.0.1/32", "::1/128", "10.0.0.1/-1", "10.0.0.1", "10.0.0.256/8", "1/2/3"])
    def test_malformed_blocks_and_blocks_of_one_address_are_invalid(self, block):
        assert error_of({"ip": [{"cidr": block}]}).endswith(" at ip")


class TestExists:
    def test_null_and_the_empty_string_exist(self):
        assert holds({"exists": True}, None)
        assert holds({"exists": True}, "")

    def test_object_does_not_exist(self):
        event = {"detail": {"count": {"c1": 100}}}
        assert matches({"detail": {"count": [{"exists": False}]}}, event)
        assert not matches({"detail": {"count": [{"exists": True}]}}, event)

    def test_empty_array_does_not_exist(self):
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-exists-matching"""
        assert holds({"exists": False}, [])

    def test_exists_accepts_only_booleans(self):
        assert "exists match pattern must be either true or false. at a" in error_of({"a": [{"exists": 1}]})

    def test_absence_and_values_can_be_alternatives(self):
        pattern = {"a": [{"exists": False}, "x"]}
        assert matches(pattern, {"b": 1})
        assert matches(pattern, {"a": "x"})
        assert not matches(pattern, {"a": "y"})
