"""Validation of EventBridge requests before moto answers them, with EventBridge's own error messages.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Operations.html
"""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError, UnknownAccountError, UnknownTargetError
from millrace.local.core.targets import service_of
from millrace.local.services.eventbridge.archives import MANAGED_BY

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Parameters = Mapping[str, Any]
_RULE_NAME, _BUS_NAME = r"[\.\-_A-Za-z0-9]+", r"[/\.\-_A-Za-z0-9]+"
_INVALID, _MISSING, _EXISTS = "ValidationException", "ResourceNotFoundException", "ResourceAlreadyExistsException"
MAX_RULE_NAME = MAX_TARGET_ID = 64
MAX_BUS_NAME = 256
DEFAULT_PAGE = 100


class Validation:
    """Checks by operation. Each raises ApiError."""

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self.checks: dict[str, Callable[[dict[str, Any]], None]] = {
            "AWSEvents.CreateEventBus": lambda params: _check("name", params.get("Name"), _BUS_NAME, MAX_BUS_NAME),
            "AWSEvents.CreateConnection": self._check_new_connection,
            "AWSEvents.DeleteEventBus": self._check_deleted_bus,
            "AWSEvents.RemovePermission": self._check_statement_exists,
            **{f"AWSEvents.{name}Rule": self.rule for name in ("Describe", "Disable", "Enable")},
        }

    def check_target(self, number: int, target: Parameters) -> None:
        """Raise ApiError for a target with an invalid id, or in a service that the local cloud does not deliver to."""
        _check(f"targets.{number}.member.id", target.get("Id"), _RULE_NAME, MAX_TARGET_ID)
        arn = str(target.get("Arn"))
        if not re.match(r"arn:[^:]+:[^:]+:[^:]*:[^:]*:.", arn):
            return  # moto reports it
        try:
            service_of(self._region, arn)
        except UnknownAccountError:
            return  # a stack of that account can be deployed later
        except UnknownTargetError as error:
            message = f"Parameter Arn of target {target.get('Id')} is not valid. Reason: {error.args[0]}"
            raise ApiError(_INVALID, message) from error

    def _check_new_connection(self, params: Parameters) -> None:
        if params.get("Name") in self._region.backends.events.connections:
            raise ApiError(_EXISTS, f"Connection {params['Name']} already exists.")

    def _check_deleted_bus(self, params: Parameters) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteEventBus.html."""
        bus = self._region.backends.events.event_buses.get(str(params.get("Name")).rpartition("/")[2])
        rules = [rule.name for rule in bus.rules.values() if rule.managed_by != MANAGED_BY] if bus else []
        if rules and bus.name != "default":
            raise ApiError(_INVALID, f"Event bus {bus.name} can't be deleted since it has rules.")

    def _bus(self, params: Parameters) -> Any:
        name = str(params.get("EventBusName") or "default").rpartition("/")[2]
        bus = self._region.backends.events.event_buses.get(name)
        if bus is None:
            raise ApiError(_MISSING, f"Event bus {name} does not exist.")
        return bus

    def rule(self, params: Parameters, member: str = "Name") -> Any:
        """Return moto's rule. Raises ApiError if it does not exist."""
        name, bus = params.get(member), self._bus(params)
        if name not in bus.rules:
            raise ApiError(_MISSING, f"Rule {name} does not exist on EventBus {bus.name}.")
        return bus.rules[name]

    def _check_statement_exists(self, params: Parameters) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RemovePermission.html."""
        if not self._bus(params).has_permissions() and not params.get("RemoveAllPermissions"):
            raise ApiError(_MISSING, "Statement with the provided id does not exist.")


def check_rule_name(params: Parameters) -> None:
    """Raise ApiError for a name that no rule can have."""
    _check("name", params.get("Name"), _RULE_NAME, MAX_RULE_NAME)


def _check(member: str, value: Any, pattern: str, longest: int) -> None:
    text, broken = str(value), ""
    if len(text) > longest:
        broken = f"Member must have length less than or equal to {longest}"
    elif not re.fullmatch(pattern, text):
        broken = f"Member must satisfy regular expression pattern: {pattern}"
    if broken:
        message = f"1 validation error detected: Value '{text}' at '{member}' failed to satisfy constraint: {broken}"
        raise ApiError(_INVALID, message)


def page(found: list[Any], params: Parameters) -> tuple[list[Any], dict[str, str]]:
    """Return one page of a list by `Limit` and `NextToken`, and the token of the next one. Raises ApiError."""
    token = params.get("NextToken")
    if token is not None and not str(token).isdecimal():
        raise ApiError(_INVALID, "Parameter NextToken is not valid.")
    start = int(token or 0)
    end = start + int(params.get("Limit") or DEFAULT_PAGE)
    return found[start:end], {"NextToken": str(end)} if end < len(found) else {}
