"""The permissions that EventBridge Scheduler's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission, passed


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on the schedule in its group, and iam:PassRole for the role of its target.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html
    """
    group = call.params.get("GroupName") or call.params.get("groupName") or "default"
    template = "schedule-group/{}" if call.operation.endswith("Group") else f"schedule/{group}/{{}}"
    resource = call.first(("ResourceArn", "{}"), ("Name", template))
    return [Permission(f"scheduler:{call.operation}", resource), *passed(call.params, "scheduler.amazonaws.com")]


REQUIRED = {"scheduler": required}
