"""The permissions that Parameter Store's operations need."""

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Permission


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on each parameter, without its version or label.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-access.html
    """
    names = call.params.get("Names") or [call.params.get("Name") or call.params.get("Path")]
    if not names[0] or "Parameter" not in call.operation:
        return [Permission(f"ssm:{call.operation}", "*")]
    return [Permission(f"ssm:{call.operation}", _parameter(call, name)) for name in names]


def _parameter(call: Call, name: str) -> str:
    if name.startswith("arn:"):
        return name
    return call.arn(f"parameter/{name.partition(':')[0].lstrip('/')}")


REQUIRED = {"ssm": required}
