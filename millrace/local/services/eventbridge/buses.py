"""Event buses: publish events, match rules, fill archives, start deliveries."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.history import Reference, reference
from millrace.local.core.targets import TargetDelivery, unknown_account
from millrace.local.services.eventbridge import put_events
from millrace.local.services.eventbridge.api_destinations import ApiDestinations
from millrace.local.services.eventbridge.archives import MANAGED_BY, Archives
from millrace.local.services.eventbridge.put_events import Entry, EntryFailure, Envelope
from millrace.local.services.eventbridge.rule_delivery import RuleDelivery
from millrace.patterns import Pattern, PatternIndex, compile_pattern

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_STEP_FUNCTIONS = "aws.states"
"""Source of events that are not recorded: the history already has each execution in its flow."""


@dataclass
class _Subscribers:
    """The enabled rules of one bus, indexed by pattern, and its archives."""

    rules: PatternIndex[Any] = field(default_factory=PatternIndex)
    archives: list[tuple[Any, Pattern]] = field(default_factory=list)


class Buses:
    """The event buses of an account and region, with the rules that moto stores."""

    def __init__(
        self, region: "AccountRegion", archives: Archives, buses_of: "Callable[[AccountRegion], Buses]"
    ) -> None:
        self._region = region
        self._buses_of = buses_of
        self.archives = archives
        self.listeners: list[Callable[[Envelope], object]] = []
        """Receive each event of every bus."""
        self.api_destinations = ApiDestinations(region)
        self._subscribers: dict[str, _Subscribers] = {}
        self._patterns: dict[str, Pattern] = {}

    def reset(self) -> None:
        """Drop the rules that were read, and the state of API destinations."""
        self._subscribers.clear()
        self.api_destinations.reset()

    def changed(self) -> None:
        """Read the rules again at the next event."""
        self._subscribers.clear()

    def put(self, entries: Sequence[Entry]) -> list[dict[str, str]]:
        """Return an `EventId` or an `ErrorCode` for each entry. Raises ApiError.

        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
        """
        put_events.validate_call(entries)
        return [self._put_one(entry) for entry in entries]

    def _put_one(self, entry: Entry) -> dict[str, str]:
        detail = put_events.parse_detail(entry.get("Detail"))
        failure = put_events.validate(entry, detail)
        if failure:
            self._record_rejected(entry, detail, failure)
            return {"ErrorCode": failure.code, "ErrorMessage": failure.message}
        time = put_events.timestamp(entry.get("Time"))
        time = self._region.clock.now() if time is None else time
        resources = entry.get("Resources") or []
        envelope = put_events.new_envelope(self._region, entry["Source"], entry["DetailType"], detail, resources, time)
        bus = entry.get("EventBusName") or "default"
        owner = self._region.owner(bus)
        if owner is None:
            raise ApiError("AccessDeniedException", unknown_account(bus))
        self._buses_of(owner).publish(bus, envelope, trace=entry.get("TraceHeader") or "")
        return {"EventId": envelope["id"]}

    def publish(
        self,
        bus: str,
        envelope: Envelope,
        *,
        hopped: bool = False,
        rules: frozenset[str] = frozenset(),
        trace: str = "",
    ) -> None:
        """Put an event on a bus, given by name or ARN. As on AWS, a bus that does not exist drops it.

        `hopped` is true if another bus sent the event. `rules`, if not empty, limits it to the rules of these ARNs.
        """
        name = bus.rpartition("/")[2]
        about = None if envelope["source"] == _STEP_FUNCTIONS else reference(envelope)
        if about:
            self._record_published(about, envelope, name)
        if name not in self._region.backends.events.event_buses:
            if about:
                self._region.history.add("refused", about, about.event, error=f"the bus {name!r} does not exist")
            return
        for listener in self.listeners:
            listener(envelope)
        subscribers = self._subscribers_of(name)
        for archive, pattern in subscribers.archives:
            if pattern.matches(envelope):
                self.archives.add(archive, envelope)
        for rule in subscribers.rules.matching(envelope):
            if not rules or rule.arn in rules:
                self.deliver(envelope, rule, hopped=hopped, trace=trace)

    def deliver(self, envelope: Envelope, rule: Any, *, hopped: bool = False, trace: str = "") -> None:
        """Start a delivery to each target of a rule."""
        ingested = self._region.clock.now()
        for target in rule.targets:
            delivery = TargetDelivery(envelope, rule, target, ingested, hopped, trace)
            RuleDelivery(self._region, self.api_destinations, delivery).start()

    def _subscribers_of(self, bus: str) -> _Subscribers:
        if bus not in self._subscribers:
            found = _Subscribers(archives=self.archives.of_bus(bus))
            for rule in list(self._region.backends.events.event_buses[bus].rules.values()):
                text = rule.event_pattern.dump()
                if rule.state != "DISABLED" and text and rule.managed_by != MANAGED_BY:
                    found.rules.add(rule, self._compiled(text))
            self._subscribers[bus] = found
        return self._subscribers[bus]

    def _compiled(self, text: str) -> Pattern:
        if text not in self._patterns:
            self._patterns[text] = compile_pattern(json.loads(text))
        return self._patterns[text]

    def _record_published(self, about: Reference, envelope: Envelope, bus: str) -> None:
        metadata = envelope["detail"].get("metadata") if isinstance(envelope["detail"], dict) else None
        known = metadata if isinstance(metadata, dict) else {}
        more = {name: known.get(name) for name in ("causation_id", "producer")}
        self._region.history.add("event", about, about.event, source=envelope["source"], bus=bus, **more)

    def _record_rejected(self, entry: Entry, detail: Any, failure: EntryFailure) -> None:
        name = str(entry.get("DetailType"))
        about = reference({"detail-type": name, "detail": detail, "id": str(uuid.uuid4())})
        if about:
            self._region.history.add("refused", about, name, error=f"{failure.code}: {failure.message}", event=name)
