"""The event patterns that AWS itself was asked about: 164 cases and their answers."""

import json
from pathlib import Path

import pytest

from millrace.patterns import InvalidPatternError, PatternIndex, compile_pattern

CASES = json.loads((Path(__file__).parent / "data" / "event_patterns_aws.json").read_text())
REFUSED = [case for case in CASES if case["expect"] == "invalid"]
ANSWERED = [case for case in CASES if case["expect"] != "invalid"]


def by_name(cases):
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


@by_name(ANSWERED)
def test_matches_as_aws_does(case):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html"""
    assert compile_pattern(case["pattern"]).matches(case["event"]) is case["expect"]


@by_name(REFUSED)
def test_refuses_what_aws_refuses(case):
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html"""
    with pytest.raises(InvalidPatternError, match=r"^Event pattern is not valid\. Reason: .+ at \S+$"):
        compile_pattern(case["pattern"])


def test_every_case_is_held():
    assert (len(ANSWERED), len(REFUSED)) == (126, 38)


@by_name(ANSWERED)
def test_explains_just_what_does_not_match(case):
    assert bool(compile_pattern(case["pattern"]).explain(case["event"])) is not case["expect"]


def test_an_index_of_all_cases_answers_as_each_pattern_does():
    index = PatternIndex()
    for case in ANSWERED:
        index.add(case["name"], compile_pattern(case["pattern"]))
    for case in ANSWERED:
        assert (case["name"] in index.matching(case["event"])) is case["expect"]
