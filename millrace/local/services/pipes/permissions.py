"""The permissions that the operations of EventBridge Pipes need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission, passed


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on the pipe, and iam:PassRole for its role.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgepipes.html
    """
    resource = call.first(("resourceArn", "{}"), ("Name", "pipe/{}"))
    return [Permission(f"pipes:{call.operation}", resource), *passed(call.params, "pipes.amazonaws.com")]


REQUIRED = {"pipes": required}
