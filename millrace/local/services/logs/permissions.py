"""The permissions that CloudWatch Logs' operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission

_OF_STREAMS = {"DeleteLogStream", "GetLogEvents", "PutLogEvents"}


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """The log stream, or the group as `log-group:NAME:log-stream:`, which wants `:*` at a policy's end, as on AWS.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    """
    stream = call.params.get("logStreamName") if call.operation in _OF_STREAMS else None
    form = f"log-group:{{}}:log-stream:{stream or ''}"
    named = call.first(
        ("logGroupName", form),
        ("logGroupIdentifier", form),
        ("resourceArn", "{}"),
        ("logGroupNamePrefix", form),
    )
    whole = call.arn("log-group::log-stream:") if call.operation == "DescribeLogGroups" else "*"
    return [Permission(f"logs:{call.operation}", whole if named == "*" else named)]


REQUIRED = {"logs": required}
