"""The permissions that SNS's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on the topic; an SMS message has no topic.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
    """
    subscription = str(call.params.get("SubscriptionArn", ""))
    if subscription:
        return [Permission(f"sns:{call.operation}", subscription.rpartition(":")[0] or "*")]
    topics = call.each(("TopicArn", "{}"), ("TargetArn", "{}"), ("ResourceArn", "{}"), ("Name", "{}"))
    return [Permission(f"sns:{call.operation.removesuffix('Batch')}", topic) for topic in topics]


REQUIRED = {"sns": required}
