"""Amazon EventBridge: buses, rules, archives, replays, scheduled rules and API destinations."""

import json
import uuid
from typing import Any

from millrace.local.core.account_region import AccountRegion
from millrace.local.core.errors import TargetError
from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message
from millrace.local.services.eventbridge.archives import Archives
from millrace.local.services.eventbridge.buses import Buses
from millrace.local.services.eventbridge.operations import EventOperations
from millrace.local.services.eventbridge.replays import Replays
from millrace.local.services.eventbridge.scheduled_rules import ScheduledRules

_SECOND_HOP = (
    "Event ingestion rejected for event {} because an event can be sent to an event bus target only once. "
    "This event was previously delivered to an event bus target."
)


class EventBridge(Service):
    """The buses of an account and region, with their rules, archives and replays."""

    arn_name = "events"
    is_target = True

    def __init__(self, region: AccountRegion) -> None:
        super().__init__(region)
        self.archives = Archives(region)
        self.buses = Buses(region, self.archives, lambda other: other.service(EventBridge).buses)
        self.replays = Replays(region, self.buses)
        self.scheduled_rules = ScheduledRules(region, self.buses)
        operations = EventOperations(region, self.buses, self.replays)
        self.answers, self.checks = operations.answers, operations.checks

    def changed(self) -> None:
        """Read buses, rules and archives again."""
        self.buses.changed()
        self.archives.changed()
        self.scheduled_rules.changed()

    def reset(self) -> None:
        """Drop archived events, replays and schedules."""
        self.archives.reset()
        self.replays.reset()
        self.scheduled_rules.reset()
        self.buses.reset()

    def deliver(self, message: Message) -> None:
        """Put an event on a bus.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
        """
        bus, delivery = message.target["Arn"], message.delivery
        if delivery is None:
            self.buses.publish(bus, json.loads(message.body))
            return
        if delivery.hopped:
            raise TargetError("THIRD_ACCOUNT_HOP_DETECTED", _SECOND_HOP.format(delivery.envelope["id"]))
        if bus.rpartition("/")[2] not in self.region.backends.events.event_buses:
            raise LookupError(f"The event bus {bus} does not exist.")
        envelope = delivery.envelope
        if delivery.rule.arn.split(":")[3] != self.region.name:  # another region gives the event a new id
            envelope = {**envelope, "id": str(uuid.uuid4())}
        self.buses.publish(bus, envelope, hopped=True, trace=delivery.trace)

    def delivery_permissions(self, arn: str) -> DeliveryPermissions:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html."""
        action = "events:InvokeApiDestination" if ":api-destination/" in arn else "events:PutEvents"
        return DeliveryPermissions((action,), role_required=True)

    def resource_policy(self, arn: str) -> Any:
        """Return the policy of a bus; API destinations have none."""
        kind, _, name = arn.rpartition(":")[2].partition("/")
        return self.region.backends.events.event_buses[name].policy if kind == "event-bus" else None
