"""Explanations of mismatches, and the index of patterns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millrace.patterns import PatternIndex, compile_pattern

LINES = {"lines": [{"sku": "a", "qty": 1}, {"sku": "b", "qty": 2}]}
EITHER = {"source": ["shop"], "$or": [{"a": [1]}, {"b": [2], "c": [3]}]}


class TestExplaining:
    PATTERN = compile_pattern({"source": ["shop"], "detail": {"data": {"total": [{"numeric": [">", 100]}]}}})

    def explained(self, pattern, event):
        return [str(mismatch) for mismatch in pattern.explain(event)]

    def test_matching_event_has_no_mismatches(self):
        assert self.PATTERN.explain({"source": "shop", "detail": {"data": {"total": 101}}}) == []

    def test_mismatch_has_wanted_and_found_values(self):
        (mismatch,) = self.PATTERN.explain({"source": "shop", "detail": {"data": {"total": 42}}})
        assert (mismatch.path, mismatch.found) == ("detail.data.total", (42,))
        assert str(mismatch) == 'detail.data.total: wanted {"numeric": [">", 100]}, had 42'

    def test_missing_field_has_nothing(self):
        assert self.explained(self.PATTERN, {"source": "bank"}) == [
            'detail.data.total: wanted {"numeric": [">", 100]}, had nothing',
            'source: wanted "shop", had "bank"',
        ]

    def test_object_instead_of_a_leaf_is_noted(self):
        (text,) = self.explained(compile_pattern({"a": [{"exists": True}]}), {"a": {"b": 1}})
        assert text.endswith("had nothing (the value is an object, and patterns compare only its leaves)")

    def test_clauses_that_match_in_different_elements_are_one_mismatch(self):
        pattern = compile_pattern({"lines": {"sku": ["b"], "qty": [1]}})
        (mismatch,) = pattern.explain(LINES)
        assert mismatch.path == "lines.qty + lines.sku"
        assert "not within one element of the array" in str(mismatch)

    def test_closest_alternative_of_an_or_is_explained(self):
        pattern = compile_pattern(EITHER)
        assert self.explained(pattern, {"source": "shop", "b": 2}) == [
            "either a: wanted 1, had nothing",
            "either c: wanted 3, had nothing",
        ]
        assert self.explained(pattern, {"source": "bank", "a": 1}) == ['source: wanted "shop", had "bank"']


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
    def test_index_finds_the_same_patterns_as_testing_all(self, sources, events, gone):
        patterns = {key: compile_pattern(source) for key, source in enumerate(sources)}
        index = PatternIndex()
        for key, pattern in patterns.items():
            index.add(key, pattern)
        for key in gone:
            index.discard(key)
            patterns.pop(key, None)
        assert [index.matching(event) for event in events] == [naive(patterns, event) for event in events]

    @given(PATTERNS, EVENTS)
    def test_explanation_is_empty_if_and_only_if_the_pattern_matches(self, source, event):
        pattern = compile_pattern(source)
        assert bool(pattern.explain(event)) is not pattern.matches(event)

    def test_keys_are_in_the_order_of_addition(self):
        index = PatternIndex()
        index.add("z", compile_pattern({"source": [{"prefix": "s"}]}))
        index.add("a", compile_pattern({"source": ["shop"]}))
        assert index.matching({"source": "shop"}) == ["z", "a"]

    def test_replaced_key_keeps_its_position(self):
        index = PatternIndex()
        for key in "ab":
            index.add(key, compile_pattern({"source": ["shop"]}))
        index.add("a", compile_pattern({"source": ["bank", "shop"]}))
        assert index.matching({"source": "shop"}) == ["a", "b"]
        assert index.matching({"source": "bank"}) == ["a"]

    def test_discarded_key_leaves_an_empty_tree(self):
        index = PatternIndex()
        index.add("a", compile_pattern({"source": ["shop"], "detail-type": ["x", "y"]}))
        index.discard("a")
        assert (len(index), "a" in index, index._root.is_empty()) == (0, False, True)

    @pytest.mark.parametrize(
        "source",
        [
            lambda n: {"source": [f"s{n}"], "detail-type": [f"d{n}"]},
            lambda n: {"source": ["s"], "detail-type": [f"d{n}"]},
            lambda n: {"source": ["s"], "detail-type": ["d"], "detail": {"data": {"kind": [f"k{n}"]}}},
        ],
        ids=["sources apart", "detail-types apart", "a detail field apart"],
    )
    def test_one_of_a_thousand_patterns_is_tested(self, source, monkeypatch):
        index = PatternIndex()
        for number in range(1000):
            index.add(number, compile_pattern(source(number)))
        tested = []
        for number, (_, pattern) in index._entries.items():
            monkeypatch.setattr(pattern, "matches", lambda _event, number=number: tested.append(number) or True)
        pattern = source(7)
        event = {"source": pattern["source"][0], "detail-type": pattern["detail-type"][0]}
        event["detail"] = {"data": {"kind": "k7"}}
        assert index.matching(event) == tested == [7]
