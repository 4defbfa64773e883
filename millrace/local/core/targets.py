"""Delivery to the resource of an ARN, in any service, account and region.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Failure
from millrace.local.core.errors import (
    ApiError,
    TargetError,
    UnknownAccountError,
    UnknownTargetError,
    UnsupportedPolicyError,
)

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion
    from millrace.local.core.service import Service

Target = dict[str, Any]
Attributes = dict[str, str] | dict[str, dict[str, str]]


@dataclass(frozen=True)
class TargetDelivery:
    """The delivery of a rule's event to a target. `hopped` is true if another bus forwarded the event.

    `trace` is the X-Ray trace header that the publisher has given.
    """

    envelope: dict[str, Any]
    rule: Any
    target: Target
    ingested: float
    hopped: bool = False
    trace: str = ""

    @property
    def name(self) -> str:
        """The resource name in the target's ARN."""
        return str(self.target["Arn"].rpartition(":")[2])


@dataclass(frozen=True)
class Message:
    """A message for a target. `delivery` is set for a rule's event, `attributes` for a dead letter."""

    target: Target
    body: str
    delivery: TargetDelivery | None = None
    attributes: Attributes = field(default_factory=dict)


def service_of(region: "AccountRegion", arn: str) -> "Service":
    """Return the service that delivers to an ARN. Raises UnknownAccountError, UnknownTargetError."""
    owner = region.owner(arn)
    if owner is None:
        raise UnknownAccountError(unknown_account(arn))
    service = owner.service_named(arn.split(":")[2])
    if service is None or not service.is_target:
        served = ", ".join(sorted(each.arn_name for each in owner.services if each.is_target))
        raise UnknownTargetError(f"The local cloud delivers to {served}, not to {arn.split(':')[2]}: {arn}")
    return service


def find(region: "AccountRegion", arn: str) -> Any:
    """Return the resource of an ARN. Raises LookupError if it does not exist."""
    owner = region.owner(arn)
    if owner is None:
        raise UnknownAccountError(unknown_account(arn))
    service = owner.service_named(arn.split(":")[2])
    return service.find(arn) if service else arn


def send(region: "AccountRegion", target: Target, message: str, delivery: TargetDelivery | None = None) -> None:
    """Send a message to a target without retries. Raises the errors of `Service.deliver`."""
    service_of(region, target["Arn"]).deliver(Message(target, message, delivery))


def send_record(region: "AccountRegion", arn: str, message: str, attributes: Attributes | None = None) -> None:
    """Send a dead letter or an invocation record without retries. Raises LookupError if the resource does not exist."""
    service_of(region, arn).deliver(Message({"Arn": arn}, message, attributes=attributes or {}))


@cache
def _errors() -> tuple[type[Exception], ...]:
    """Return the errors with which a delivery fails."""
    from moto.core.exceptions import JsonRESTError, ServiceException

    own = (TargetError, UnknownTargetError, UnsupportedPolicyError, ApiError, LookupError)
    return (*own, JsonRESTError, ServiceException)


def attempt(action: Callable[[], None]) -> Failure | None:
    """Run a delivery and return how it failed, with the error code that EventBridge reports."""
    try:
        action()
    except _errors() as error:
        message = getattr(error, "message", None) or (error.args[0] if error.args else error)
        return Failure(_code(error), str(message), retriable=False)
    return None


def _code(error: Exception) -> str:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html."""
    if isinstance(error, TargetError):
        return error.code
    codes = {
        UnsupportedPolicyError: "NO_PERMISSIONS",
        UnknownTargetError: "NOT_DELIVERED_LOCALLY",
        UnknownAccountError: "NOT_DELIVERED_LOCALLY",
        LookupError: "NO_RESOURCE",
    }
    return next((code for kind, code in codes.items() if isinstance(error, kind)), "SDK_CLIENT_ERROR")


def unknown_account(arn: str) -> str:
    """Return the error message for an ARN in an account and region where nothing was deployed."""
    _, _, _, region, account, *_ = arn.split(":")
    return (
        f"Nothing is deployed to account {account} in {region}, so {arn} does not exist. Deploy a stack there with "
        f"env=Environment(account={account!r}, region={region!r}), or sign a call for it with the key {account!r}."
    )
