"""The permissions that IoT's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission, passed


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on the topic or the rule, and iam:PassRole for the roles of its actions.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsiot.html
    https://docs.aws.amazon.com/iot/latest/developerguide/pass-role.html
    """
    own = Permission(f"iot:{call.operation}", call.first(("topic", "topic/{}"), ("ruleName", "rule/{}")))
    return [own, *passed(call.request.json(), "iot.amazonaws.com")] if call.operation in _WITH_ROLES else [own]


_WITH_ROLES = ("CreateTopicRule", "ReplaceTopicRule")
"""The payload of these operations is the rule."""
REQUIRED = {"iot": required, "iotdata": required}
