"""Filter policies of subscriptions."""

import json
from types import SimpleNamespace

import pytest

from millrace.local.services.sns.filter_policies import passes


def subscription(policy, scope="MessageAttributes"):
    return SimpleNamespace(attributes={"FilterPolicy": json.dumps(policy), "FilterPolicyScope": scope})


def attribute(value, kind="String"):
    return {"a": {"Type": kind, "Value": value}}


@pytest.mark.parametrize(
    ("rules", "attributes", "expected"),
    [
        (["b"], attribute("b"), True),
        (["b"], attribute('["b", "c"]', "String.Array"), True),
        (["b"], attribute("Yg==", "Binary"), False),
        ([100], attribute("100.0", "Number"), True),
        ([{"numeric": [">", 0, "<=", 100]}], attribute("99.12", "Number"), True),
        ([{"numeric": [">", 0, "<=", 100]}], attribute("111", "Number"), False),
        ([{"suffix": "z"}, {"equals-ignore-case": "QQ"}], attribute("qq"), True),
        ([{"anything-but": {"prefix": "x"}}], attribute("xz"), False),
        ([{"exists": False}], {}, True),
        ([None, {"anything-but": "b"}], {}, True),
        ([None, {"anything-but": "b"}], attribute("b"), False),
    ],
)
def test_policy_matches_message_attributes(rules, attributes, expected):
    """https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html"""
    assert passes(subscription({"a": rules}), attributes, "message") is expected


@pytest.mark.parametrize(
    ("message", "expected"), [('{"a": {"b": "auto-1"}}', True), ('{"a": {"b": "c"}}', False), ("auto-1", False)]
)
def test_policy_matches_the_message_body(message, expected):
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering-scope.html"""
    policy = {"a": {"b": [{"prefix": "auto-"}]}}
    assert passes(subscription(policy, "MessageBody"), {}, message) is expected


def test_one_alternative_of_a_policy_suffices():
    """https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html"""
    policy = subscription({"$or": [{"a": ["1"]}, {"b": ["2"]}]})
    assert passes(policy, attribute("1"), "message")
    assert not passes(policy, attribute("2"), "message")


def test_subscription_without_policy_receives_every_message():
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html"""
    assert passes(subscription({}), {}, "message")
