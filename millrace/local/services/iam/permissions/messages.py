"""EventBridge, SQS, SNS and Kinesis: what their operations need."""

import base64
import json
from typing import Any

from millrace.local.services.iam.calls import Call
from millrace.local.services.iam.facts import Known, Permission
from millrace.local.services.iam.resource_lookup import ResourceLookup


def events(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """Each entry of PutEvents on its own, by its bus; PutRule by its pattern.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    if call.operation == "PutEvents":
        entries = call.params.get("Entries") or []
        return [_entry(call, *alike) for alike in dict.fromkeys(map(_told, entries))]
    action = f"events:{call.operation}"
    if call.operation.endswith("EventBus") and "Name" in call.params:
        return [Permission(action, call.first(("Name", "event-bus/{}")))]
    if "Rule" in call.operation or "Targets" in call.operation:
        return _rule(call, action)
    return [Permission(action, call.first(*_EVENTS))]


_EVENTS = (
    ("ResourceARN", "{}"),
    ("ArchiveName", "archive/{}"),
    ("ReplayName", "replay/{}"),
    ("EventBusName", "event-bus/{}"),
)


def _told(entry: dict[str, Any]) -> tuple[str, Any, Any]:
    """What is judged of an entry; entries alike in it are judged once."""
    return entry.get("EventBusName") or "default", entry.get("Source"), entry.get("DetailType")


def _entry(call: Call, bus: str, source: Any, detail_type: Any) -> Permission:
    known: Known = {
        "events:source": _one(source),
        "events:detail-type": _one(detail_type),
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
    return [Permission(action, rule, known), *passed(call.params.get("RoleArn"), "events.amazonaws.com")]


def _pattern(text: Any) -> dict[str, tuple[str, ...]]:
    """What a rule's pattern names of source, detail type and the details that conditions may look at."""
    pattern = json.loads(text) if text else {}
    detail = pattern.get("detail") or {}
    found = {f"events:{name}": pattern.get(name) for name in ("source", "detail-type")}
    found |= {f"events:detail.{name.lower()}": value for name, value in detail.items() if isinstance(value, list)}
    return {key: tuple(v for v in values if isinstance(v, str)) for key, values in found.items() if values}


def sqs(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """The queue of a URL; a batch needs the action of the single operation.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
    """

    def queue(url: str) -> str:
        account, _, name = url.rstrip("/").rpartition("/")
        return f"arn:aws:sqs:{call.region}:{account.rpartition('/')[2]}:{name}"

    operation = call.operation.removesuffix("Batch")
    return [Permission(f"sqs:{operation}", call.first(("QueueUrl", queue), ("QueueName", "{}"), ("SourceArn", "{}")))]


def sns(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """The topic; a text message to a telephone has none.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
    """
    subscription = str(call.params.get("SubscriptionArn", ""))
    if subscription:
        return [Permission(f"sns:{call.operation}", subscription.rpartition(":")[0] or "*")]
    topic = call.first(("TopicArn", "{}"), ("TargetArn", "{}"), ("ResourceArn", "{}"), ("Name", "{}"))
    return [Permission(f"sns:{call.operation.removesuffix('Batch')}", topic)]


def kinesis(call: Call, _lookup: ResourceLookup) -> list[Permission]:
    """The stream, also of a shard iterator.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonkinesis.html
    """

    def stream(iterator: str) -> str:
        name = base64.b64decode(iterator, validate=False).decode("utf-8", "replace").partition(":")[0]
        return call.arn(f"stream/{name}")

    names = (("StreamARN", "{}"), ("ConsumerARN", "{}"), ("StreamName", "stream/{}"), ("ShardIterator", stream))
    return [Permission(f"kinesis:{call.operation}", call.first(*names))]


def passed(role: Any, service: str) -> list[Permission]:
    """What it needs to hand a role to a service.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    return [Permission("iam:PassRole", str(role), {"iam:passedtoservice": (service,)})] if role else []


def _one(value: Any) -> tuple[str, ...]:
    return (str(value),) if value else ()
