"""The permissions that Firehose's operations need."""

from collections.abc import Iterator
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission, passed


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on the delivery stream, and iam:PassRole for the roles of its configuration.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesisfirehose.html
    """
    own = Permission(f"firehose:{call.operation}", call.first(("DeliveryStreamName", "deliverystream/{}")))
    passed_roles = dict.fromkeys(roles(call.params))
    return [own, *(each for role in passed_roles for each in passed(role, "firehose.amazonaws.com"))]


def roles(value: Any) -> Iterator[str]:
    """Yield the ARNs of the roles in a configuration."""
    for name, member in value.items():
        if name == "RoleARN":
            yield str(member)
        elif isinstance(member, dict):
            yield from roles(member)


REQUIRED = {"firehose": required}
