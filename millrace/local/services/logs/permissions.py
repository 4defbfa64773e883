"""The permissions that CloudWatch Logs' operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission, passed

_STREAM_OPERATIONS = {"DeleteLogStream", "GetLogEvents", "PutLogEvents"}


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on the log stream, or on the group as `log-group:NAME:log-stream:`, and iam:PassRole.

    As on AWS, a policy for a log group must therefore end with `:*`.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    stream = call.params.get("logStreamName") if call.operation in _STREAM_OPERATIONS else None
    template = f"log-group:{{}}:log-stream:{stream or ''}"
    resources = call.each(
        ("logGroupName", template),
        ("logGroupIdentifier", template),
        ("resourceArn", "{}"),
        ("logGroupNamePrefix", template),
    )
    every_group = call.arn("log-group::log-stream:") if call.operation == "DescribeLogGroups" else "*"
    own = [Permission(f"logs:{call.operation}", every_group if each == "*" else each) for each in resources]
    return [*own, *passed(call.params, "logs.amazonaws.com")]


REQUIRED = {"logs": required}
