"""EventBridge: entries in, rules matched, archives filled, targets reached."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from millrace.local.core.errors import ApiError
from millrace.local.core.history import Reference, reference
from millrace.local.core.targets import TargetDelivery, unknown_account
from millrace.local.services.eventbridge.api_destinations import ApiDestinations
from millrace.local.services.eventbridge.archives import MANAGED_BY, Archives
from millrace.local.services.eventbridge.entries import BadEntry, Entry, check, check_call, envelope_of, parsed
from millrace.local.services.eventbridge.inputs import Envelope
from millrace.local.services.eventbridge.rule_delivery import RuleDelivery
from millrace.patterns import Pattern, PatternIndex, compile_pattern

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

_EXECUTIONS = "aws.states"
"""What Step Functions says of executions is in the journal already, in the flows that they belong to."""


@dataclass
class _Takers:
    """What takes events from one bus: its rules, by their patterns, and its archives."""

    rules: PatternIndex[Any] = field(default_factory=PatternIndex)
    archives: list[tuple[Any, Pattern]] = field(default_factory=list)


class Buses:
    """Every bus of an account and region: what is put, matched against the rules that moto keeps."""

    def __init__(
        self, region: "AccountRegion", archives: Archives, elsewhere: "Callable[[AccountRegion], Buses]"
    ) -> None:
        self._region = region
        self._elsewhere = elsewhere
        self.archives = archives
        self.api_destinations = ApiDestinations(region)
        self._takers: dict[str, _Takers] = {}
        self._patterns: dict[str, Pattern] = {}

    def reset(self) -> None:
        """Drop what was read of the rules, and the state of API destinations."""
        self._takers.clear()
        self.api_destinations.forget()

    def changed(self) -> None:
        """Read the rules afresh at the next event."""
        self._takers.clear()

    def put(self, entries: Sequence[Entry]) -> list[dict[str, str]]:
        """Take entries, each on its own; the answer has an `EventId` or an `ErrorCode` for each. Raises Refused.

        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
        """
        check_call(entries)
        return [self._put_one(entry) for entry in entries]

    def _put_one(self, entry: Entry) -> dict[str, str]:
        detail = parsed(entry.get("Detail"))
        bad = check(entry, detail)
        if bad:
            self._remember_refusal(entry, detail, bad)
            return {"ErrorCode": bad.code, "ErrorMessage": bad.message}
        account, name, now = self._region.account, self._region.name, self._region.clock.now()
        envelope = envelope_of(entry, detail, account=account, region=name, now=now)
        bus = entry.get("EventBusName") or "default"
        there = self._region.owner(bus)
        if there is None:
            raise ApiError("AccessDeniedException", unknown_account(bus))
        self._elsewhere(there).publish(bus, envelope)
        return {"EventId": envelope["id"]}

    def publish(
        self, bus: str, envelope: Envelope, *, hopped: bool = False, only: frozenset[str] = frozenset()
    ) -> None:
        """Put an envelope onto a bus, named or by ARN; a bus that does not exist swallows it, as AWS's does.

        `hopped` says that another bus sent it; `only`, if not empty, holds the ARNs of the rules that may take it.
        """
        name = bus.rpartition("/")[2]
        about = None if envelope["source"] == _EXECUTIONS else reference(envelope)
        if about:
            self._remember(about, envelope, name)
        if name not in self._region.backends.events.event_buses:
            if about:
                self._region.history.add("refused", about, about.event, error=f"the bus {name!r} does not exist")
            return
        takers = self._of(name)
        for archive, pattern in takers.archives:
            if pattern.matches(envelope):
                self.archives.keep(archive, envelope)
        for rule in takers.rules.matching(envelope):
            if not only or rule.arn in only:
                self.deliver(envelope, rule, hopped=hopped)

    def deliver(self, envelope: Envelope, rule: Any, *, hopped: bool = False) -> None:
        """Send an event to every target of a rule, each on its own."""
        ingested = self._region.clock.now()
        for target in rule.targets:
            RuleDelivery(
                self._region, self.api_destinations, TargetDelivery(envelope, rule, target, ingested, hopped)
            ).start()

    def _of(self, bus: str) -> _Takers:
        if bus not in self._takers:
            takers = _Takers(archives=self.archives.of_bus(bus))
            for rule in list(self._region.backends.events.event_buses[bus].rules.values()):
                text = rule.event_pattern.dump()
                if rule.state != "DISABLED" and text and rule.managed_by != MANAGED_BY:
                    takers.rules.add(rule, self._compiled(text))
            self._takers[bus] = takers
        return self._takers[bus]

    def _compiled(self, text: str) -> Pattern:
        if text not in self._patterns:
            self._patterns[text] = compile_pattern(json.loads(text))
        return self._patterns[text]

    def _remember(self, about: Reference, envelope: Envelope, bus: str) -> None:
        metadata = envelope["detail"].get("metadata") if isinstance(envelope["detail"], dict) else None
        known = metadata if isinstance(metadata, dict) else {}
        self._region.history.add(
            "event",
            about,
            about.event,
            source=envelope["source"],
            bus=bus,
            causation_id=known.get("causation_id"),
            producer=known.get("producer"),
        )

    def _remember_refusal(self, entry: Entry, detail: Any, bad: BadEntry) -> None:
        name = str(entry.get("DetailType"))
        about = reference({"detail-type": name, "detail": detail, "id": str(uuid.uuid4())})
        if about:
            self._region.history.add("refused", about, name, error=f"{bad.code}: {bad.message}", event=name)
