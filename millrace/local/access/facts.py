"""What the local cloud knows of a request: the values of IAM's condition keys.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple

Values = tuple[str, ...]
Known = Mapping[str, "Values | Callable[[], Values]"]
"""Condition keys in lower case; a value that is dear is found when a condition asks for it."""


class CannotJudge(Exception):
    """A policy asks for what the local cloud cannot know; the call is refused, and says what."""


class Ask(NamedTuple):
    """What a caller needs: an action on a resource, and what the request tells about it."""

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
        "lambda:sourcefunctionarn",
        "s3:delimiter",
        "s3:max-keys",
        "s3:prefix",
        "s3:versionid",
    }
)
"""Keys that are known to have no value wherever a request gives none."""
_ABSENT_BELOW = ("aws:principaltag/", "events:detail.", "kms:encryptioncontext:", "s3:x-amz-")


class Facts:
    """The condition keys of one request, in three layers: the ask's own, the caller's and the surroundings'."""

    def __init__(self, known: Known, caller: Known, surroundings: Known) -> None:
        self._layers = (known, caller, surroundings)

    def about(self, known: Known) -> "Facts":
        """The same caller and surroundings, for another ask."""
        return Facts(known, *self._layers[1:])

    def values(self, key: str) -> Values:
        """The values of a key in lower case; none if the request has none. Raises CannotJudge."""
        for layer in self._layers:
            if key in layer:
                value = layer[key]
                return value() if callable(value) else value
        if key in ABSENT or key.startswith(_ABSENT_BELOW):
            return ()
        raise CannotJudge(
            f"A policy asks for the condition key {key}, which the local cloud does not know. Take it out of the "
            "policy for local work, or start the local cloud with LocalCloud(judge=False)."
        )

    def variable(self, name: str) -> str | None:
        """The value of a policy variable; a key with several values is none."""
        values = self.values(name.lower())
        return values[0] if len(values) == 1 else None


def surroundings(now: Callable[[], float], region: str, owner: str) -> Known:
    """The keys that do not depend on who calls. `owner` is the account of the resource.

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
