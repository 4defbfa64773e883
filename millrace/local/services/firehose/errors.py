"""Errors of a delivery: missing permissions, and the error log of a delivery stream."""

import json
import logging
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Failure
from millrace.local.core.errors import UnsupportedPolicyError
from millrace.local.services.firehose.configuration import destination_of
from millrace.local.services.iam import Iam, Permission, unauthorized

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_FIREHOSE = "firehose.amazonaws.com"
_log = logging.getLogger(__name__)


def denied(region: "AccountRegion", role: str, stream: Any, action: str, resource: str) -> str:
    """Return why a role does not allow an action; empty if it does."""
    access = region.service(Iam).access
    if not access.enforce_iam:
        return ""
    try:
        if reason := untrusted(region, role, stream.delivery_stream_arn):
            return reason
        found = access.denied(role, stream.delivery_stream_name, Permission(action, resource))
    except (UnsupportedPolicyError, LookupError) as error:
        return str(error)
    return unauthorized(role, found) if found else ""


def untrusted(region: "AccountRegion", role: str, stream_arn: str) -> str:
    """Return why Firehose may not assume a role; empty if it may. The external id is the account of the stream.

    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#firehose-assume-role
    """
    access, external_id = region.service(Iam).access, {"sts:externalid": (region.account,)}
    if not access.enforce_iam or access.may_deliver(_FIREHOSE, "sts:AssumeRole", role, stream_arn, external_id):
        return ""
    return f"Firehose is unable to assume role {role}. Please check the role provided."


def log_error(region: "AccountRegion", stream: Any, failure: Failure) -> None:
    """Write an error to the log stream of a delivery stream.

    https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html
    """
    _log.warning("The delivery stream %s: %s: %s", stream.delivery_stream_name, failure.code, failure.message)
    destination = destination_of(stream)
    groups, name = region.backends.logs.groups, destination.log.get("LogStreamName")
    group = groups.get(destination.log.get("LogGroupName"))
    if not destination.log.get("Enabled") or group is None or name not in group.streams:
        return
    line = {
        "deliveryStreamARN": stream.delivery_stream_arn,
        "destination": destination.bucket_arn,
        "deliveryStreamVersionId": int(stream.version_id),
        "message": failure.message,
        "errorCode": failure.code,
    }
    event = {"timestamp": int(region.clock.now() * 1000), "message": json.dumps(line)}
    region.backends.logs.put_log_events(group.name, name, [event])
