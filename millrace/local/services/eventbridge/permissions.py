"""The permissions that EventBridge's operations need."""

import json
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.services.iam import Call, Known, Permission, passed

_RESOURCES = (
    ("ResourceARN", "{}"),
    ("ArchiveName", "archive/{}"),
    ("ReplayName", "replay/{}"),
    ("EventBusName", "event-bus/{}"),
)


def required(call: Call, _region: AccountRegion) -> list[Permission]:
    """Return one permission for each distinct entry of PutEvents, or the permission of any other operation.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    if call.operation == "PutEvents":
        return _put_events(call)
    action = f"events:{call.operation}"
    if call.operation.endswith("EventBus") and "Name" in call.params:
        return [Permission(action, call.first(("Name", "event-bus/{}")))]
    if "Rule" in call.operation or "Targets" in call.operation:
        return _rule(call, action)
    return [Permission(action, call.first(*_RESOURCES))]


def _put_events(call: Call) -> list[Permission]:
    entries = call.params.get("Entries") or []
    distinct = dict.fromkeys(
        (entry.get("EventBusName") or "default", entry.get("Source"), entry.get("DetailType")) for entry in entries
    )
    return [_put_entry(call, *each) for each in distinct]


def _put_entry(call: Call, bus: str, source: Any, detail_type: Any) -> Permission:
    known: Known = {
        "events:source": (str(source),) if source else (),
        "events:detail-type": (str(detail_type),) if detail_type else (),
        "events:eventbusinvocation": ("false",),
    }
    return Permission("events:PutEvents", bus if bus.startswith("arn:") else call.arn(f"event-bus/{bus}"), known)


def _rule(call: Call, action: str) -> list[Permission]:
    name = call.params.get("Rule") or call.params.get("Name")
    bus = str(call.params.get("EventBusName") or "default").rpartition("/")[2]
    if not name:
        return [Permission(action, call.first(("ResourceARN", "{}"), ("EventBusName", "event-bus/{}")))]
    rule = call.arn(f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")
    targets = tuple(target["Arn"] for target in call.params.get("Targets") or () if isinstance(target, dict))
    known: Known = {"events:targetarn": targets, **_pattern(call.params.get("EventPattern"))}
    return [Permission(action, rule, known), *passed(call.params, "events.amazonaws.com")]


def _pattern(text: Any) -> dict[str, tuple[str, ...]]:
    """Return condition keys for the source, detail type and detail fields that a rule's pattern names."""
    pattern = json.loads(text) if text else {}
    detail = pattern.get("detail") or {}
    found = {f"events:{name}": pattern.get(name) for name in ("source", "detail-type")}
    found |= {f"events:detail.{name.lower()}": value for name, value in detail.items() if isinstance(value, list)}
    return {key: tuple(v for v in values if isinstance(v, str)) for key, values in found.items() if values}


REQUIRED = {"events": required}
