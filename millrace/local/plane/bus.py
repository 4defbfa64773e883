"""EventBridge: entries in, rules matched, targets reached."""

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from millrace.local.clock import iso
from millrace.local.journal import Reference, reference
from millrace.local.plane.delivery import Delivery, Done, Ending, Policy, rule_pause
from millrace.local.plane.inputs import shaped
from millrace.local.plane.patterns import Pattern, PatternIndex, compile_pattern

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane

RULE_RETRIES = 185
RULE_MAX_AGE = 24 * 3600
"""Retries and seconds. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
MAX_ENTRY_BYTES = 262_144
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html"""
TIME_BYTES = 14

Envelope = dict[str, Any]


@dataclass(frozen=True)
class BadEntry:
    """Why an entry was refused, as PutEvents says it."""

    code: str
    message: str


class Buses:
    """Every bus of the account: what is put, matched against the rules that moto keeps."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self._indexes: dict[str, PatternIndex[Any]] = {}
        self._patterns: dict[str, Pattern] = {}

    def changed(self) -> None:
        """Read the rules afresh at the next event."""
        self._indexes.clear()

    def put(self, entries: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Take entries, each on its own; the answer has an `EventId` or an `ErrorCode` for each.

        https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
        """
        return [self._put_one(entry) for entry in entries]

    def _put_one(self, entry: dict[str, Any]) -> dict[str, str]:
        bad = _check(entry)
        if bad:
            self._remember_refusal(entry, bad)
            return {"ErrorCode": bad.code, "ErrorMessage": bad.message}
        envelope = self._envelope(entry)
        self.publish(entry.get("EventBusName") or "default", envelope)
        return {"EventId": envelope["id"]}

    def _envelope(self, entry: dict[str, Any]) -> Envelope:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": entry["DetailType"],
            "source": entry["Source"],
            "account": self._plane.state.account,
            "time": iso(_moment(entry.get("Time")) or self._plane.clock.now()),
            "region": self._plane.state.region,
            "resources": entry.get("Resources") or [],
            "detail": json.loads(entry["Detail"]),
        }

    def publish(self, bus: str, envelope: Envelope) -> None:
        """Put an envelope onto a bus, named or by ARN; a bus that does not exist swallows it, as AWS's does."""
        name = bus.rpartition("/")[2]
        about = reference(envelope)
        if about:
            self._remember(about, envelope, name)
        if name not in self._plane.state.events.event_buses:
            if about:
                self._plane.journal.add("refused", about, about.event, error=f"the bus {name!r} does not exist")
            return
        for rule in self._index(name).matching(envelope):
            for target in rule.targets:
                self._deliver(envelope, rule, target)

    def _index(self, bus: str) -> PatternIndex[Any]:
        if bus not in self._indexes:
            index: PatternIndex[Any] = PatternIndex()
            for rule in self._plane.state.events.event_buses[bus].rules.values():
                text = rule.event_pattern.dump()
                if rule.state != "DISABLED" and text:
                    index.add(rule, self._compiled(text))
            self._indexes[bus] = index
        return self._indexes[bus]

    def _compiled(self, text: str) -> Pattern:
        if text not in self._patterns:
            self._patterns[text] = compile_pattern(json.loads(text))
        return self._patterns[text]

    def _deliver(self, envelope: Envelope, rule: Any, target: dict[str, Any]) -> None:
        about = reference(envelope)
        retry = target.get("RetryPolicy") or {}
        policy = Policy(
            retries=retry.get("MaximumRetryAttempts", RULE_RETRIES),
            max_age=retry.get("MaximumEventAgeInSeconds", RULE_MAX_AGE),
            pause=rule_pause,
        )
        message = shaped(envelope, target, rule, self._plane.clock)

        def send(done: Done, _attempt: int) -> None:
            self._plane.targets.send(target, message, envelope, done)

        def give_up(ending: Ending) -> None:
            self._dead_letter(about, rule, target, message, ending)

        what = f"{envelope['detail-type']} to {target['Arn'].rpartition(':')[2]}"
        Delivery(self._plane.agenda, what, policy, send, give_up).start()

    def _dead_letter(
        self, about: Reference | None, rule: Any, target: dict[str, Any], message: str, ending: Ending
    ) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html."""
        name = target["Arn"].rpartition(":")[2]
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if about:
            failure = f"{ending.failure.code}: {ending.failure.message}"
            self._plane.journal.add("refused", about, about.event, error=f"not delivered to {name}: {failure}")
        if not queue:
            return
        attributes = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": ending.failure.code,
            "ERROR_MESSAGE": ending.failure.message,
            "RETRY_ATTEMPTS": str(ending.retries),
        }
        if ending.exhausted:
            attributes["EXHAUSTED_RETRY_CONDITION"] = ending.exhausted
        self._plane.targets.forward(queue, message, attributes)
        if about:
            self._plane.remember_dead_letter([about], queue, name)

    def _remember(self, about: Reference, envelope: Envelope, bus: str) -> None:
        metadata = envelope["detail"].get("metadata") if isinstance(envelope["detail"], dict) else None
        known = metadata if isinstance(metadata, dict) else {}
        self._plane.journal.add(
            "event",
            about,
            about.event,
            source=envelope["source"],
            bus=bus,
            causation_id=known.get("causation_id"),
            producer=known.get("producer"),
        )

    def _remember_refusal(self, entry: dict[str, Any], bad: BadEntry) -> None:
        name = str(entry.get("DetailType"))
        about = reference({"detail-type": name, "detail": _parsed(entry.get("Detail")), "id": str(uuid.uuid4())})
        if about:
            self._plane.journal.add("refused", about, name, error=f"{bad.code}: {bad.message}", event=name)


def _check(entry: dict[str, Any]) -> BadEntry | None:
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            reason = f"{name} is a required argument."
            return BadEntry("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")
    if entry_bytes(entry) > MAX_ENTRY_BYTES:
        return BadEntry("InvalidArgument", f"Total size of the entry is over the limit of {MAX_ENTRY_BYTES} bytes.")
    if not isinstance(_parsed(entry["Detail"]), dict):
        return BadEntry("MalformedDetail", "Detail is malformed.")
    if str(entry["Source"]).startswith("aws."):
        return BadEntry("NotAuthorizedForSourceException", "Not authorized for the source.")
    return None


def entry_bytes(entry: dict[str, Any]) -> int:
    """The size of an entry as EventBridge reckons it, in bytes."""
    size = TIME_BYTES if entry.get("Time") else 0
    size += sum(len(str(entry.get(name, "")).encode()) for name in ("Source", "DetailType", "Detail"))
    return size + sum(len(resource.encode()) for resource in entry.get("Resources") or [])


def _moment(time: Any) -> float | None:
    if time is None or isinstance(time, int | float):
        return time
    return datetime.fromisoformat(str(time)).timestamp()


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None  # the caller says that it is malformed
