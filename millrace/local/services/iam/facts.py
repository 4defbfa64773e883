"""Values of IAM's condition keys for a request.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from millrace.local.core.errors import UnsupportedPolicyError

Values = tuple[str, ...]
Known = Mapping[str, "Values | Callable[[], Values]"]
"""Condition keys in lower case. A callable computes its value when a condition needs it."""


class Permission(NamedTuple):
    """An action on a resource, with the condition keys of the request."""

    action: str
    resource: str
    known: Known = MappingProxyType({})


ABSENT = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:federatedprovider",
        "aws:multifactorauthage",
        "aws:principalservicename",
        "aws:principalservicenameslist",
        "aws:referer",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceidentity",
        "aws:sourceowner",
        "aws:username",
        "dynamodb:attributes",
        "dynamodb:enclosingoperation",
        "dynamodb:leadingkeys",
        "dynamodb:returnvalues",
        "dynamodb:select",
        "events:creatoraccount",
        "events:detail-type",
        "events:eventbusinvocation",
        "events:managedby",
        "events:source",
        "events:targetarn",
        "iam:passedtoservice",
        "kms:encryptioncontextkeys",
        "kms:viaservice",
        "lambda:functionurlauthtype",
        "lambda:invokedviafunctionurl",
        "lambda:sourcefunctionarn",
        "s3:delimiter",
        "s3:max-keys",
        "s3:prefix",
        "s3:versionid",
    }
)
"""Keys that have no value unless a request sets one."""
_ABSENT_BELOW = ("aws:principaltag/", "events:detail.", "kms:encryptioncontext:", "s3:x-amz-")


Layer = Known | Callable[[], Known]
"""A callable computes its condition keys once, when a condition needs one."""


class Facts:
    """The condition keys of a request, in three layers: the permission's, the caller's and the environment's."""

    def __init__(self, known: Known, caller: Layer, surroundings: Layer) -> None:
        self._layers = tuple(cache(each) if callable(each) else each for each in (known, caller, surroundings))

    def values(self, key: str) -> Values:
        """Return the values of a key in lower case; none if the request has none. Raises UnsupportedPolicyError."""
        for given in self._layers:
            layer = given() if callable(given) else given
            if key in layer:
                value = layer[key]
                return value() if callable(value) else value
        if key in ABSENT or key.startswith(_ABSENT_BELOW):
            return ()
        raise UnsupportedPolicyError(
            f"The local cloud does not support the condition key {key} of a policy. Remove it from the policy, or "
            "start the local cloud with LocalCloud(enforce_iam=False)."
        )

    def variable(self, name: str) -> str | None:
        """Return the value of a policy variable; None if the key has several values."""
        values = self.values(name.lower())
        return values[0] if len(values) == 1 else None


def surroundings(now: Callable[[], float], region: str, owner: str) -> Known:
    """Return the keys that do not depend on the caller. `owner` is the account of the resource.

    Differs: aws:SecureTransport is "true", as AWS's own endpoints are TLS; aws:SourceIp is 127.0.0.1.
    """
    return {
        "aws:currenttime": lambda: (datetime.fromtimestamp(now(), UTC).isoformat(),),
        "aws:epochtime": lambda: (str(int(now())),),
        "aws:requestedregion": (region,),
        "aws:resourceaccount": (owner,),
        "aws:securetransport": ("true",),
        "aws:sourceip": ("127.0.0.1",),
    }
