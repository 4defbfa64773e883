"""The permissions that IoT's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on the topic or the rule.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html
    """
    return [Permission(f"iot:{call.operation}", call.first(("topic", "topic/{}"), ("ruleName", "rule/{}")))]


REQUIRED = {"iot": required, "iotdata": required}
