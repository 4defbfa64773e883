"""Condition operators of IAM policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import operator
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network
from typing import Any

from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.services.iam.facts import Facts
from millrace.local.services.iam.patterns import Pattern, Resolve

Test = Callable[[str, Resolve], bool]
"""Returns whether a value of the request matches at least one value of the policy."""


class Condition:
    """One operator, one key, and the policy's values for it."""

    def __init__(self, name: str, key: str, values: list[str], *, variables: bool) -> None:
        self.key = key.lower()
        self._every, plain = name.startswith("ForAllValues:"), name.rpartition(":")[2]
        self._any = name.startswith("ForAnyValue:")
        self._if_exists = plain.endswith("IfExists") and not (self._every or self._any)
        plain = plain.removesuffix("IfExists")
        self._null = plain == "Null"
        self._wants_absent = "true" in {value.lower() for value in values}
        self._negated = plain.startswith("Not") or "Not" in plain
        self._test = _test(plain.replace("Not", ""), values, variables=variables)

    def holds(self, facts: Facts) -> bool:
        """Return whether it holds for a request. Raises UnsupportedPolicyError."""
        had = facts.values(self.key)
        if self._null:
            return self._wants_absent is not bool(had)
        if self._every:
            return all(self._matches(value, facts) for value in had)
        if self._any:
            return any(self._matches(value, facts) for value in had)
        if not had:
            return self._negated or self._if_exists
        return any(self._test(value, facts.variable) for value in had) is not self._negated

    def _matches(self, value: str, facts: Facts) -> bool:
        return self._test(value, facts.variable) is not self._negated


def conditions(block: Any, *, variables: bool) -> list[Condition]:
    """Return the conditions of a statement."""
    return [
        Condition(name, key, _texts(values), variables=variables)
        for name, keys in (block or {}).items()
        for key, values in keys.items()
    ]


def _texts(values: Any) -> list[str]:
    listed = values if isinstance(values, list) else [values]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in listed]


def _test(name: str, values: list[str], *, variables: bool) -> Test:
    if name in ("Null", "Bool"):
        wanted = {value.lower() for value in values}
        return lambda value, _: value.lower() in wanted
    if name in _STRINGS:
        patterns = [Pattern(value, variables=variables, **_STRINGS[name]) for value in values]
        return lambda value, resolve: any(pattern.matches(value, resolve) for pattern in patterns)
    if name == "IpAddress":
        return _ordered(values, ip_address, lambda network: ip_network(network, strict=False), _contains)
    for kind, read in (("Numeric", float), ("Date", _moment)):
        compare = _ORDERS.get(name.removeprefix(kind))
        if name.startswith(kind) and compare is not None:
            return _ordered(values, read, read, compare)
    raise UnsupportedPolicyError(
        f"The condition operator {name} of a policy does not exist. See IAM's list of condition operators."
    )


_STRINGS: dict[str, dict[str, bool]] = {
    "ArnEquals": {"arn": True},
    "ArnLike": {"arn": True},
    "BinaryEquals": {"wild": False},
    "StringEquals": {"wild": False},
    "StringEqualsIgnoreCase": {"wild": False, "fold": True},
    "StringLike": {},
}
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "LessThanEquals": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanEquals": operator.ge,
}


def _contains(address: Any, network: Any) -> bool:
    return address in network


def _ordered(
    values: list[str], read: Callable[[str], Any], wanted: Callable[[str], Any], compare: Callable[[Any, Any], bool]
) -> Test:
    known = [wanted(value) for value in values]

    def test(value: str, _: Resolve) -> bool:
        try:
            had = read(value)
        except ValueError:
            return False  # not a number, date or address
        return any(compare(had, each) for each in known)

    return test


def _moment(text: str) -> float:
    """Return seconds since 1970. The text is a number or an ISO 8601 date."""
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
