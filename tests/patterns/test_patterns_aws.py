"""164 event patterns with AWS's own results."""

import json
from pathlib import Path

import pytest

from millrace.patterns import InvalidPatternError, PatternIndex, compile_pattern

CASES = json.loads((Path(__file__).parents[1] / "data" / "event_patterns_aws.json").read_text())
INVALID = [case for case in CASES if case["expect"] == "invalid"]
VALID = [case for case in CASES if case["expect"] != "invalid"]


def by_name(cases):
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


@by_name(VALID)
def test_event_matches_as_in_aws(case):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html"""
    assert compile_pattern(case["pattern"]).matches(case["event"]) is case["expect"]


@by_name(INVALID)
def test_pattern_is_invalid_as_in_aws(case):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html"""
    with pytest.raises(InvalidPatternError, match=r"^Event pattern is not valid\. Reason: .+ at \S+$"):
        compile_pattern(case["pattern"])


def test_number_of_cases():
    assert (len(VALID), len(INVALID)) == (126, 38)


@by_name(VALID)
def test_only_mismatches_have_an_explanation(case):
    assert bool(compile_pattern(case["pattern"]).explain(case["event"])) is not case["expect"]


def test_index_of_all_cases_matches_as_each_pattern():
    index = PatternIndex()
    for case in VALID:
        index.add(case["name"], compile_pattern(case["pattern"]))
    for case in VALID:
        assert (case["name"] in index.matching(case["event"])) is case["expect"]
