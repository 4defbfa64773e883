"""Subscription filters: log events that go to a function, a stream or a delivery stream.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
"""

import base64
import gzip
import json
import logging
import re
from collections.abc import Sequence
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.delivery import Failure
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.core.targets import attempt, find, send
from millrace.local.services.firehose import Firehose
from millrace.local.services.iam import Iam, Permission, unauthorized

_log = logging.getLogger(__name__)
_TERM = re.compile(r"""([?-]?)(?:"((?:[^"\\]|\\.)*)"|(\S+))""")
_PRINCIPAL = "logs.amazonaws.com"
_NOT_ALLOWED = (
    "Could not execute the lambda function. "
    "Make sure you have given CloudWatch Logs permission to execute your function."
)


def refusal(region: AccountRegion, group_arn: str, pattern: str, destination: str, role: str | None) -> str:
    """Return why a subscription filter is rejected; empty if it is served."""
    service = (*destination.split(":"), "", "", "")[2]
    if service not in ("firehose", "kinesis", "lambda"):
        return f"The local cloud sends log events to functions, streams and delivery streams, not to {destination}."
    if pattern.lstrip()[:1] in ("{", "[", "%"):
        return f"The local cloud matches filter patterns of terms, not {pattern}."
    try:
        find(region, destination)
        if service != "lambda":
            return _denied(region, role, destination) if role else "A destination that is a stream needs a roleArn."
        access = region.service(Iam).access
        source = f"{group_arn.removesuffix(':*')}:*"
        if access.enforce_iam and not access.may_deliver(_PRINCIPAL, "lambda:InvokeFunction", destination, source):
            return _NOT_ALLOWED
    except (LookupError, UnsupportedPolicyError) as error:
        return str(error.args[0])
    return ""


def _denied(region: AccountRegion, role: str, destination: str) -> str:
    """Return why the role of a filter may not write to a stream; empty if it may.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html#DestinationKinesisExample
    """
    access = region.service(Iam).access
    permission = Permission(f"{destination.split(':')[2]}:PutRecord", destination)
    try:
        denied = access.enforce_iam and access.denied(role, "logs", permission)
    except (LookupError, UnsupportedPolicyError) as error:
        return str(error.args[0])
    return unauthorized(role, denied) if denied else ""


def matches(pattern: str, message: str) -> bool:
    """Return whether a message has all terms of a pattern, one of its optional ones, and none of the excluded ones.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    terms: dict[str, list[str]] = {"": [], "?": [], "-": []}
    for sign, quoted, plain in _TERM.findall(pattern):
        terms[sign].append(quoted.replace('\\"', '"') or plain)
    if any(term in message for term in terms["-"]) or not all(term in message for term in terms[""]):
        return False
    return not terms["?"] or any(term in message for term in terms["?"])


def forward(region: AccountRegion, stream: Any, subscription: Any, events: Sequence[dict[str, Any]]) -> None:
    """Send the matching log events to the destination of a filter, from any thread."""
    found = [each for each in events if matches(subscription.filter_pattern or "", each["message"])]
    if not found:
        return
    data = {
        "messageType": "DATA_MESSAGE",
        "owner": region.account,
        "logGroup": stream.log_group.name,
        "logStream": stream.log_stream_name,
        "subscriptionFilters": [subscription.name],
        "logEvents": found,
    }
    packed = gzip.compress(json.dumps(data, separators=(",", ":")).encode())
    what = f"log events of {stream.log_group.name}"
    region.scheduler.soon(lambda: _send(region, stream.log_group.name, subscription, packed), what)


def _send(region: AccountRegion, group: str, subscription: Any, packed: bytes) -> None:
    """Send to the destination. What it does not accept is lost, as on AWS, but here a log line reports it."""
    destination = subscription.destination_arn
    if ":lambda:" in destination:
        body = json.dumps({"awslogs": {"data": base64.b64encode(packed).decode()}})
        failure = attempt(lambda: send(region, {"Arn": destination}, body))
    elif reason := _denied(region, subscription.role_arn, destination):
        failure = Failure("NO_PERMISSIONS", reason)
    else:
        failure = attempt(lambda: _put(region, destination, packed))
    if failure:
        _log.warning("Log events of %s are lost: %s: %s", group, failure.code, failure.message)


def _put(region: AccountRegion, destination: str, packed: bytes) -> None:
    if ":firehose:" in destination:
        region.service(Firehose).put(destination, [packed])
        return
    name, data = destination.rpartition("/")[2], base64.b64encode(packed).decode()
    region.backends.kinesis.put_record(destination, name, destination, None, data)
