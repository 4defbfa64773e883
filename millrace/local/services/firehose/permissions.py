"""The permissions that Firehose's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission, passed


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on the delivery stream, and iam:PassRole for the roles of its configuration.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesisfirehose.html
    """
    own = Permission(f"firehose:{call.operation}", call.first(("DeliveryStreamName", "deliverystream/{}")))
    return [own, *passed(call.params, "firehose.amazonaws.com")]


REQUIRED = {"firehose": required}
