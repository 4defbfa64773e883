"""Prefixes of the objects of delivery streams."""

from datetime import datetime

import pytest

from millrace.local.services.firehose.prefixes import broken_rule, evaluated, for_failures, for_records, unsupported

MOMENT = datetime.fromisoformat("2018-08-05T09:07:03.250+00:00")


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", "2018/08/05/09/"),
        ("a/", "a/2018/08/05/09/"),
        ("a/!{timestamp:yyyy}/", "a/2018/"),
        ("!{timestamp:'year='yyyy'/month='MM'/h='HH}/", "year=2018/month=08/h=09/"),
        ("!{timestamp:yy-M-d-D-H-h-mm-ss-SSS-MMM-EEE-a}", "18-8-5-217-9-9-07-03-250-Aug-Sun-AM"),
    ],
)
def test_prefix_of_records(prefix, expected):
    """https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html"""
    assert evaluated(for_records(prefix), MOMENT) == expected


@pytest.mark.parametrize(
    ("prefix", "error_prefix", "expected"),
    [
        ("", "", "processing-failed/2018/08/05/09/"),
        ("a/", "", "a/processing-failed/2018/08/05/09/"),
        ("a/", "failed/!{firehose:error-output-type}/", "failed/processing-failed/"),
    ],
)
def test_prefix_of_failed_records(prefix, error_prefix, expected):
    """https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html"""
    assert evaluated(for_failures(prefix, error_prefix), MOMENT, "processing-failed") == expected


def test_each_random_string_is_new():
    """https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html"""
    first, second = evaluated("!{firehose:random-string}/!{firehose:random-string}", MOMENT).split("/")
    assert len(first) == len(second) == 11
    assert first != second


@pytest.mark.parametrize(
    ("prefix", "error_prefix"),
    [
        ("!{timestamp:yyyy}", ""),
        ("!{firehose:error-output-type}/", "failed/"),
        ("a/", "!{timestamp:yyyy}/"),
        ("a/!{", "!{firehose:error-output-type}/"),
        ("!{firehose:other}/", "!{firehose:error-output-type}/"),
    ],
)
def test_prefix_that_breaks_a_rule_is_rejected(prefix, error_prefix):
    """https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html"""
    assert broken_rule(prefix, error_prefix)
    assert not broken_rule("!{timestamp:yyyy}/", "!{firehose:error-output-type}/")


@pytest.mark.parametrize(
    "expression", ["!{partitionKeyFromQuery:a}", "!{partitionKeyFromLambda:a}", "!{timestamp:yyyy-Q}"]
)
def test_expression_that_is_not_evaluated_is_refused(expression):
    """https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html"""
    assert list(unsupported(f"a/{expression}/!{{timestamp:MM}}")) == [expression]
