"""The base class of AWS services. Each package of `millrace.local.services` may have one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from millrace.local.core.errors import UnknownTargetError
from millrace.local.core.http import Request, Response

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.core.targets import Message

_ACCOUNT_DIGITS = 12
Operation = Callable[[dict[str, Any]], Any]


@dataclass(frozen=True)
class DeliveryPermissions:
    """The permissions that EventBridge needs to deliver to a service's resources.

    `actions` are allowed by the resource's policy, or with `role_required` by the role that the target names.
    `key_actions` are needed on the customer managed key of an encrypted resource.
    """

    actions: tuple[str, ...] = ()
    key_actions: tuple[str, ...] = ()
    role_required: bool = False


class Service:
    """One AWS service in one account and region. Methods run on the scheduler's thread unless documented otherwise."""

    arn_name: ClassVar[str]
    """The service part of its ARNs, as `sqs`."""
    is_target: ClassVar[bool] = False
    """Whether rules, schedules and destinations can deliver to its resources."""
    permissions_to_deliver: ClassVar[DeliveryPermissions] = DeliveryPermissions()
    respond: Callable[[Request], Response] | None = None
    """Handles every request for the service in place of moto, on any thread."""

    def __init__(self, region: "AccountRegion") -> None:
        self.region = region
        self.answers: Mapping[str, Operation] = {}
        """Operations of the JSON protocol that replace moto's, by name."""
        self.checks: Mapping[str, Operation] = {}
        """Checks to run before moto handles an operation: by name, or by service and HTTP method."""

    def reject(self, request: Request) -> Response | None:
        """Return an error response to a request before anything else handles it; None to continue."""

    def changed(self) -> None:
        """Read the resources again after a call to the service's API."""

    def reset(self) -> None:
        """Drop all state outside moto."""

    def retire(self) -> None:
        """End the workers of its functions."""

    def delivery_permissions(self, arn: str) -> DeliveryPermissions:  # noqa: ARG002 - EventBridge's depend on it
        """Return the permissions that EventBridge needs to deliver to a resource."""
        return self.permissions_to_deliver

    def find(self, arn: str) -> Any:
        """Return the resource of an ARN. Raises LookupError if it does not exist."""
        return arn

    def deliver(self, message: "Message") -> None:
        """Send a message to a resource. Raises LookupError, TargetError."""
        raise UnknownTargetError(f"The local cloud does not deliver to {self.arn_name}: {message.target['Arn']}")

    def account_of(self, arn: str) -> str:
        """Return the account of a resource; empty if it does not exist or belongs to AWS."""
        return account_in(arn)

    def resource_policy(self, arn: str) -> Any:
        """Return the policy documents of a resource, as text or parsed. Raises LookupError if it does not exist."""

    def encryption_key(self, arn: str) -> str | None:
        """Return the key id, ARN or alias that a resource is encrypted with; None for an AWS owned key."""


def is_account(text: str) -> bool:
    """Return whether a text is an account id."""
    return len(text) == _ACCOUNT_DIGITS and text.isdecimal()


def account_in(arn: str) -> str:
    """Return the account in an ARN; empty if it has none or belongs to AWS."""
    account = (*arn.split(":", 5), *[""] * 5)[4]
    return account if is_account(account) else ""
