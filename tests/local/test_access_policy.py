"""Policies evaluated as IAM does, without a cloud."""

import json

import pytest

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.services.iam import Permission
from millrace.local.services.iam.decision import Policies, decide
from millrace.local.services.iam.facts import Facts, surroundings
from millrace.local.services.iam.policy import Principal, compiled

ROLE = "arn:aws:iam::123456789012:role/shop/clerk"
SESSION = "arn:aws:sts::123456789012:assumed-role/clerk/f"
BUS = "arn:aws:events:us-east-1:123456789012:event-bus/shop"
NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z
CALLER = {"aws:principalarn": (ROLE,), "aws:principalaccount": ("123456789012",), "aws:principaltag/team": ("blue",)}


def statements(*given, version="2012-10-17"):
    return compiled(json.dumps({"Version": version, "Statement": list(given)}))


def allow(action="events:PutEvents", resource=BUS, **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action="events:PutEvents", resource=BUS, **more):
    return {**allow(action, resource, **more), "Effect": "Deny"}


def denial(*identity, action="events:PutEvents", on=BUS, boundary=None, resource=None, strict=False, **known):
    """None where it is allowed, else why not. `known` are condition keys, `__` for a colon and `_` for a hyphen."""
    keys = {name.replace("__", ":").replace("_", "-"): value for name, value in known.items()}
    permission = Permission(action, on, keys)
    facts = Facts(keys, CALLER, surroundings(lambda: NOON, "us-east-1", "123456789012"))
    principal = Principal("123456789012", ROLE, SESSION)
    policies = Policies(
        statements(*identity),
        statements(*boundary) if boundary is not None else None,
        statements(*resource) if resource is not None else None,
        strict,
    )
    denied = decide(permission, facts, principal, policies)
    return denied.why if denied else None


def when(**condition):
    """A statement under conditions: `when(StringEquals={"events:source": "shop"})`; `__` stands for a colon."""
    return allow(Condition={operator.replace("__", ":"): keys for operator, keys in condition.items()})


def test_what_no_policy_allows_is_denied():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html"""
    assert denial() == "because no identity-based policy allows the events:PutEvents action"
    assert denial(allow()) is None


def test_an_explicit_deny_wins():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_AccessPolicyLanguage_Interplay.html"""
    assert denial(allow(), deny("events:*", "*")) == "with an explicit deny in an identity-based policy"


def test_actions_have_wildcards_and_no_case():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html"""
    assert denial(allow("EVENTS:put*")) is None
    assert denial(allow("events:PutEvent?")) is None
    assert denial(allow("events:Put")) is not None


def test_resources_have_wildcards_and_a_case():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"""
    assert denial(allow(resource="arn:aws:events:*:123456789012:event-bus/sh?p")) is None
    assert denial(allow(resource=BUS.upper())) is not None


def test_not_action_allows_every_other():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notaction.html"""
    statement = {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
    assert denial(statement) is None
    assert denial(statement, action="iam:CreateRole", on="*") is not None


def test_not_resource_denies_every_other():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notresource.html"""
    statement = {"Effect": "Deny", "Action": "*", "NotResource": BUS}
    assert denial(allow("*", "*"), statement) is None
    assert denial(allow("*", "*"), statement, on=f"{BUS}2") is not None


def test_a_boundary_limits_what_the_role_allows():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""
    why = "because no permissions boundary allows the events:PutEvents action"
    assert denial(allow(), boundary=[allow("sqs:*", "*")]) == why
    assert denial(allow(), boundary=[allow("events:*", "*")]) is None


def test_the_policy_of_a_resource_may_allow_what_the_role_does_not():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html"""
    assert denial(resource=[allow(Principal={"AWS": ROLE})]) is None
    assert denial(resource=[allow(Principal={"AWS": "arn:aws:iam::123456789012:root"})]) is not None
    assert denial(resource=[allow(Principal={"AWS": f"{ROLE}2"})]) is not None


def test_a_boundary_limits_a_grant_to_the_role_but_not_to_its_session():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html"""
    assert denial(boundary=[], resource=[allow(Principal={"AWS": ROLE})]) is not None
    assert denial(boundary=[], resource=[allow(Principal={"AWS": SESSION})]) is None


def test_a_deny_in_the_policy_of_a_resource_wins():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html"""
    assert denial(allow(), resource=[deny(Principal="*")]) == "with an explicit deny in a resource-based policy"


def test_not_principal_spares_those_it_names():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html"""
    assert denial(allow(), resource=[deny(NotPrincipal={"AWS": ROLE})]) is None
    assert denial(allow(), resource=[deny(NotPrincipal={"AWS": f"{ROLE}2"})]) is not None


def test_a_key_must_at_least_leave_it_to_the_roles_of_its_account():
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html"""
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    assert denial(allow(), resource=[allow(Principal=root)], strict=True) is None
    why = "because no resource-based policy allows the events:PutEvents action"
    assert denial(allow(), resource=[allow(Principal={"AWS": f"{ROLE}2"})], strict=True) == why


@pytest.mark.parametrize(
    ("operator", "wanted", "had", "holds"),
    [
        ("StringEquals", ["a", "b"], "b", True),
        ("StringEquals", "a*", "ab", False),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringEqualsIgnoreCase", "AB", "ab", True),
        ("StringNotEqualsIgnoreCase", "AB", "ab", False),
        ("StringLike", "shop.?rders*", "shop.orders.eu", True),
        ("StringNotLike", "shop.*", "shop.orders", False),
        ("NumericEquals", "10", "10.0", True),
        ("NumericLessThanEquals", "10", "11", False),
        ("NumericGreaterThan", "10", "no number", False),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-01-01T12:00:00+00:00", True),
        ("DateLessThan", "1767225600", "2026-01-01T12:00:00Z", False),
        ("Bool", "TRUE", "true", True),
        ("Bool", False, "true", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.7", True),
        ("NotIpAddress", ["203.0.113.0/24", "2001:db8::/32"], "203.0.113.7", False),
        ("ArnLike", "arn:aws:events:*:*:rule/shop/*", "arn:aws:events:us-east-1:1:rule/shop/r", True),
        ("ArnEquals", "arn:aws:*:rule/shop/*", "arn:aws:events:us-east-1:1:rule/shop/r", False),
        ("ArnNotEquals", "arn:aws:sqs:*:*:q", "arn:aws:sqs:us-east-1:1:q", False),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
    ],
)
def test_condition_operators(operator, wanted, had, holds):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    condition = {operator: {"events:source": wanted}}
    assert (denial(allow(Condition=condition), events__source=(had,)) is None) is holds


@pytest.mark.parametrize(
    ("operator", "holds"),
    [
        ("StringEquals", False),
        ("StringNotEquals", True),
        ("StringEqualsIfExists", True),
        ("ForAllValues:StringEquals", True),
        ("ForAnyValue:StringEquals", False),
        ("ForAnyValue:StringEqualsIfExists", False),
        ("NumericLessThan", False),
        ("IpAddressIfExists", True),
    ],
)
def test_a_key_that_the_request_lacks(operator, holds):
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_IfExists"""
    value = "10.0.0.1" if "Ip" in operator else "1"
    assert (denial(allow(Condition={operator: {"events:source": value}})) is None) is holds


def test_null_asks_whether_a_key_is_there():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Null"""
    assert denial(when(Null={"events:source": "true"})) is None
    assert denial(when(Null={"events:source": "false"})) is not None
    assert denial(when(Null={"events:source": False}), events__source=("shop",)) is None


def test_set_operators_look_at_each_value():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html"""
    every = when(ForAllValues__StringEquals={"events:source": ["a", "b"]})
    some = when(ForAnyValue__StringNotEquals={"events:source": ["a", "b"]})
    assert denial(every, events__source=("a", "b")) is None
    assert denial(every, events__source=("a", "c")) is not None
    assert denial(some, events__source=("a", "c")) is None


def test_every_condition_must_hold_and_one_value_of_each():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-logic-multiple-context-keys-or-values.html"""
    statement = when(StringEquals={"events:source": ["a", "b"], "events:detail-type": "T"})
    assert denial(statement, events__source=("b",), events__detail_type=("T",)) is None
    assert denial(statement, events__source=("b",), events__detail_type=("U",)) is not None


def test_condition_keys_have_no_case():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition.html"""
    assert denial(when(StringEquals={"Events:Source": "a"}), events__source=("a",)) is None


def test_policy_variables_stand_for_what_the_request_knows():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
    statement = allow("s3:GetObject", "arn:aws:s3:::b/${aws:PrincipalTag/team}/*")
    assert denial(statement, action="s3:GetObject", on="arn:aws:s3:::b/blue/x") is None
    assert denial(statement, action="s3:GetObject", on="arn:aws:s3:::b/red/x") is not None
    assert denial(when(ArnEquals={"aws:PrincipalArn": "${aws:PrincipalArn}"})) is None


def test_a_policy_variable_without_a_value_fits_nothing_unless_it_has_a_default():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-no-value"""
    bus = BUS.replace("shop", "all")
    assert denial(allow(resource="arn:aws:events:*:*:event-bus/${aws:username}"), on=bus) is not None
    assert denial(allow(resource="arn:aws:events:*:*:event-bus/${aws:username, 'all'}"), on=bus) is None


def test_escaped_wildcards_stand_for_themselves():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-specialchars"""
    statement = when(StringLike={"events:source": "a${*}b*"})
    assert denial(statement, events__source=("a*bc",)) is None
    assert denial(statement, events__source=("axbc",)) is not None


def test_a_long_resource_is_compared_at_once():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html"""
    table = "arn:aws:dynamodb:*:*:table/*a*b*c*d*e"
    assert denial(allow(resource=table), on="arn:aws:dynamodb:us-east-1:1:table/" + "abcd" * 500 + "e") is None
    assert denial(allow(resource=table), on="arn:aws:dynamodb:us-east-1:1:table/" + "abcd" * 500)


def test_policies_of_2008_have_no_variables():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html"""
    (old,) = statements(allow(resource="${aws:PrincipalArn}"), version="2008-10-17")
    facts = Facts({}, CALLER, {})
    assert old.applies(Permission("events:PutEvents", "${aws:PrincipalArn}"), facts)
    assert not old.applies(Permission("events:PutEvents", ROLE), facts)


def test_global_condition_keys():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html

    Differs: aws:SecureTransport is true, though the local endpoint has no TLS; aws:SourceIp is 127.0.0.1.
    """
    assert denial(when(Bool={"aws:SecureTransport": "true"}, IpAddress={"aws:SourceIp": "127.0.0.0/8"})) is None
    same = {"aws:ResourceAccount": "${aws:PrincipalAccount}", "aws:RequestedRegion": "us-east-1"}
    assert denial(when(StringEquals=same, DateLessThan={"aws:CurrentTime": "2026-01-02T00:00:00Z"})) is None
    assert denial(when(NumericGreaterThan={"aws:EpochTime": str(int(NOON))})) is not None


def test_a_condition_key_that_the_local_cloud_cannot_know():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-principalorgid

    Refused: aws:PrincipalOrgID, aws:ResourceTag, aws:SourceVpc and others, by name.
    """
    with pytest.raises(UnsupportedPolicyError, match="condition key aws:principalorgid"):
        denial(when(StringEquals={"aws:PrincipalOrgID": "o-1"}))
    with pytest.raises(UnsupportedPolicyError, match="aws:sourcevpc"):
        denial(allow(), deny(Condition={"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}))


def test_a_condition_key_that_is_not_known_does_no_harm_where_nothing_hangs_on_it():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-denyallow.html"""
    unknown = {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}
    assert denial(allow(Condition=unknown), allow()) is None
    assert denial(allow(Condition=unknown), deny()) is not None
    assert denial(when(StringEquals={"aws:PrincipalOrgID": "o-1", "events:source": "a"}), events__source=("b",))


def test_an_operator_that_iam_does_not_have_is_refused():
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html"""
    with pytest.raises(UnsupportedPolicyError, match="StringMatches"):
        statements(when(StringMatches={"events:source": "a"}))
