"""The permissions that a call needs: actions, resources and condition keys.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from millrace.local import services
from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam.calls import Call
from millrace.local.services.iam.facts import Permission


def _sts(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the role to assume. GetCallerIdentity needs no permission."""
    if call.operation == "GetCallerIdentity":
        return []
    return [Permission(f"sts:{call.operation}", call.first(("RoleArn", "{}")))]


def _cloudformation(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the permission on the stack. To change a stack, a role needs every permission.

    Differs: on AWS a role needs the permissions of the calls that CloudFormation makes for it.
    """
    own = [Permission(f"cloudformation:{call.operation}", "*"), *passed(call.params, "cloudformation.amazonaws.com")]
    return own if call.operation.startswith(_READ) else [*own, Permission("*", "*")]


def _iam(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return the role, policy or user; `*` for anything else."""
    account = f"arn:aws:iam::{call.account}:"
    resource = call.first(
        ("RoleName", lambda name: f"{account}role/{name}"),
        ("PolicyArn", "{}"),
        ("UserName", lambda name: f"{account}user/{name}"),
    )
    return [Permission(f"iam:{call.operation}", resource)]


REQUIRED = {"cloudformation": _cloudformation, "iam": _iam, "sts": _sts}
_READ = ("Describe", "Get", "List", "Validate")
_ROLE_NAMES = frozenset({"role", "rolearn"})


@cache
def _by_service() -> dict[str, Callable[[Call, AccountRegion], list[Permission]]]:
    return {name: required for module in services.modules("permissions") for name, required in module.REQUIRED.items()}


def required_permissions(call: Call, region: AccountRegion) -> list[Permission]:
    """Return everything that a call needs, each of which must be allowed.

    Differs: a call of a service without a `permissions` module needs its operation on the resource `*`.
    """
    required = _by_service().get(call.service)
    return required(call, region) if required else [Permission(f"{call.service}:{call.operation}", "*")]


def passed(params: Any, service: str) -> list[Permission]:
    """Return the permission to pass each role in the parameters of a call to a service.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    known = {"iam:passedtoservice": (service,)}
    return [Permission("iam:PassRole", role, known) for role in dict.fromkeys(roles(params)) if ":role/" in role]


def roles(value: Any) -> Iterator[str]:
    """Yield the ARNs of the roles in parameters: members such as `RoleArn`, at any depth."""
    if isinstance(value, list):
        for each in value:
            yield from roles(each)
    elif isinstance(value, Mapping):
        for name, member in value.items():
            if name.lower() in _ROLE_NAMES and isinstance(member, str) and member:
                yield member
            else:
                yield from roles(member)
