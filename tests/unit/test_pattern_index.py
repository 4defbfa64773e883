"""Which patterns an index tries for an event, and how patterns read arrays."""

import pytest

from millrace.patterns import InvalidPatternError, PatternIndex, compile_pattern
from millrace.patterns.pattern import Mismatch
from millrace.patterns.wildcards import complexity


def index_of(patterns):
    index = PatternIndex()
    for key, pattern in patterns.items():
        index.add(key, compile_pattern(pattern))
    return index


def tried(pattern, event, monkeypatch):
    """Whether the index of one pattern compares it with an event."""
    index, compared = index_of({"key": pattern}), []
    monkeypatch.setattr(index._entries[index._numbers["key"]][1], "matches", compared.append)
    index.matching(event)
    return compared == [event]


def some(count):
    return [f"v{number}" for number in range(count)]


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"source": ["a"]}, {"source": "a"}, True),
        ({"source": ["a"]}, {"source": "b"}, False),
        ({"source": ["a"]}, {}, False),
        ({"source": ["a"], "detail-type": ["t"]}, {"source": "a", "detail-type": "u"}, False),
        ({"source": ["a"], "detail-type": ["t"]}, {"source": "a", "detail-type": "t"}, True),
        ({"source": ["10.0.0.1"]}, {"source": "10.0.0.001"}, True),
        ({"n": [300]}, {"n": 300.0}, True),
        ({"n": [1]}, {"n": True}, False),
        ({"n": [True]}, {"n": True}, True),
        ({"n": ["x"]}, {"n": ["y", ["x"]]}, True),
        ({"detail": {"kind": ["k"]}}, {"detail": {"kind": "k"}}, True),
        ({"detail": {"kind": ["k"]}}, {"detail": {"kind": "l"}, "detail.kind": "l"}, False),
        ({"detail": {"kind": ["k"]}}, {"detail": {"kind": "k"}, "detail.kind": "l"}, True),
        ({"source": [{"prefix": "a."}]}, {"source": "a.b"}, True),
        ({"source": [{"prefix": "a."}]}, {"source": "a"}, False),
        ({"source": [{"prefix": "a."}]}, {"source": "b.a."}, False),
        ({"source": [{"prefix": "1"}]}, {"source": 1}, False),
        ({"source": ["x", {"prefix": "a."}]}, {"source": "x"}, True),
        ({"source": ["x", {"prefix": "a."}]}, {"source": "y"}, False),
        ({"source": [{"prefix": "a."}, {"suffix": "z"}]}, {"source": "z"}, True),
        ({"source": [{"prefix": {"equals-ignore-case": "A"}}]}, {"source": "ab"}, True),
        ({"source": [{"prefix": "a."}, {"exists": False}]}, {}, True),
        ({"source": ["a", {"exists": False}]}, {}, True),
        ({"source": some(8), "detail-type": some(8)}, {"source": "v1", "detail-type": "w"}, False),
        ({"source": some(8), "detail-type": some(9)}, {"source": "v1", "detail-type": "w"}, True),
        ({"source": some(64)}, {"source": "w"}, False),
        ({"source": some(65)}, {"source": "w"}, True),
        ({"source": some(40), "a": some(40)}, {"source": "w", "a": "v1"}, False),
        ({"source": some(40), "a": some(40)}, {"source": "v1", "a": "w"}, True),
        ({"detail-type": some(40), "a": some(40)}, {"detail-type": "w", "a": "v1"}, False),
        ({"source": some(40), "detail-type": some(40)}, {"source": "w", "detail-type": "v1"}, False),
        ({"b": some(40), "a": some(40)}, {"b": "v1", "a": "w"}, False),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, True),
        ({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "x"}, False),
        ({"a": ["x"], "b": ["y"], "c": ["z"]}, {"a": "x", "b": "y", "c": "w"}, False),
        ({"a": ["x"], "b": ["y"], "c": ["z"]}, {"a": "x", "b": "w", "c": "z"}, False),
    ],
)
def test_an_index_tries_a_pattern_only_for_its_values_and_prefixes(pattern, event, expected, monkeypatch):
    assert tried(pattern, event, monkeypatch) is expected


def test_a_prefix_stays_while_another_of_its_length_is_discarded():
    index = index_of({key: {"source": [{"prefix": prefix}]} for key, prefix in {1: "ab", 2: "cd"}.items()})
    index.discard(1)
    assert (index.matching({"source": "cdx"}), index.matching({"source": "abx"})) == ([2], [])


def test_a_discarded_key_leaves_nothing_of_its_earlier_patterns():
    index = index_of({"a": {"source": ["shop"]}})
    index.add("a", compile_pattern({"source": ["bank"]}))
    index.discard("a")
    index.discard("unknown")
    assert index.matching({"source": "shop"}) == index.matching({"source": "bank"}) == []


@pytest.mark.parametrize(
    "same", [{"$or": [{"a": ["x"]}, {"a": ["x"]}]}, {"$or": [{"a": ["x"], "b": [1]}, {"a": ["x"], "b": [1]}]}]
)
def test_a_pattern_with_equal_branches_can_be_discarded(same):
    index = index_of({1: same, 2: {"a": ["y"]}})
    index.discard(1)
    assert (index.matching({"a": "x", "b": 1}), index.matching({"a": "y"})) == ([], [2])


# -- arrays and explanations -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"a": {"b": [1], "c": [3]}}, {"a": [[{"c": 9}, {"b": 1}], [{"z": 1}, {"c": 3}]]}, False),
        ({"a": {"b": [1], "c": [3]}}, {"a": [[{"c": 9}, {"b": 1, "c": 3}], []]}, True),
        ({"a": ["x"], "a.b": [1]}, {"a": ["x", {"b": 1}]}, True),
        ({"a": {"b": [1], "c": [{"exists": False}], "d": [7]}}, {"a": [{"b": 1}, {"d": 7}]}, False),
        ({"a": {"b": [1], "c": [{"exists": False}], "d": [7]}}, {"a": [{"c": 2}, {"b": 1, "d": 7}]}, True),
    ],
)
def test_fields_of_an_array_match_within_one_element(pattern, event, expected):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns-arrays.html"""
    assert compile_pattern(pattern).matches(event) is expected


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        ({"detail": {"a": ["y"]}}, {"detail": {"a": "x"}, "detail.a": "y"}, True),
        ({"detail": {"a": {"b": ["y"]}}}, {"detail": {"a": {"b": "x"}, "a.b": "y"}}, True),
        ({"detail": {"a": ["y"]}}, {"detail": {"a": "x"}, "detail.a": "z"}, False),
        ({"a": [1]}, {"": {"a": 1}}, False),
    ],
)
def test_a_key_with_a_dot_is_a_second_path_to_a_field(pattern, event, expected):
    """https://github.com/aws/event-ruler"""
    assert compile_pattern(pattern).matches(event) is expected


def test_a_field_that_should_be_absent_is_explained_only_if_it_is_there():
    pattern = compile_pattern({"a": [{"exists": False}], "b": ["x"]})
    assert [mismatch.path for mismatch in pattern.explain({"b": "y"})] == ["b"]
    assert [mismatch.path for mismatch in pattern.explain({"a": 1, "b": "y"})] == ["a", "b"]


def test_the_alternatives_of_an_or_are_explained_with_values_and_notes():
    pattern = compile_pattern({"$or": [{"a": ["x"]}, {"a": ["x", "y"]}, {"b": ["z"]}]})
    assert pattern.explain({"a": {"c": 1}, "b": [2, 3]}) == [
        Mismatch(
            "a", ("x", "y"), (), "the value is an object, and patterns compare only its leaves", one_of_several=True
        ),
        Mismatch("b", ("z",), (2, 3), one_of_several=True),
    ]


# -- operands --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", ["10.0.0.0/31", "10.0.0.0/+31", "::/127", "10.0.0.0/0"])
def test_the_smallest_blocks_have_two_addresses(block):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-ip-matching"""
    assert compile_pattern({"ip": [{"cidr": block}]})


@pytest.mark.parametrize(
    ("operand", "value", "expected"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "no address", False),
        ("10.0.0.1", 10, False),
        ({"numeric": ["<=", 5_000_000_000]}, 5_000_000_000, True),
        ({"numeric": [">=", -5_000_000_000]}, -5_000_000_000, True),
        ({"anything-but": [5_000_000_000, -5_000_000_000]}, 5_000_000_000, False),
    ],
)
def test_addresses_and_the_bounds_of_numbers(operand, value, expected):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"""
    assert compile_pattern({"a": [operand]}).matches({"a": value}) is expected


def test_the_wildcards_of_a_field_may_have_a_complexity_of_10():
    five = [{"wildcard": f"*{letter}b"} for letter in "acdef"]
    assert compile_pattern({"a": five})
    with pytest.raises(InvalidPatternError, match="Rule is too complex"):
        compile_pattern({"a": [*five, {"wildcard": "abc"}]})


@pytest.mark.parametrize(
    ("text", "positions"),
    [
        ("", 0),
        ("abc", 1),
        ("*", 1),
        ("a*", 2),
        ("*ab", 2),
        ("*aaa", 4),
        ("*abab", 3),
        ("a*b*c", 3),
        ("*a*a*a", 6),
        (r"\*a*a", 2),
        ("*:*:*:*:*:event-bus/*", 11),
    ],
)
def test_the_complexity_of_a_wildcard_counts_its_simultaneous_positions(text, positions):
    assert complexity(text) == positions
