"""Where a rule, a destination or a dead letter leads: one way to each kind of target.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""

import json
import uuid
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from millrace.local.core.delivery import Done, Failure
from millrace.local.core.errors import Refused
from millrace.local.services import sqs as queues
from millrace.local.services.eventbridge.api_destinations import Destinations
from millrace.local.services.eventbridge.jsonpath import MISSING, BadPath, find
from millrace.local.services.eventbridge.rule_delivery import Passage
from millrace.local.services.iam import CannotJudge

if TYPE_CHECKING:
    from millrace.local.core.account_region import Plane

Target = dict[str, Any]
Way = Callable[[Target, str, Passage | None], None]


class UnknownTargetError(NotImplementedError):
    """A kind of target to which the local cloud cannot deliver."""


class Nowhere(LookupError):
    """A target in an account and region in which nothing has been made."""


class _Undeliverable(Exception):
    """A target that takes no such message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Targets:
    """Sends a message to whatever an ARN names."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self.destinations = Destinations(plane)
        self._ways: dict[str, Way] = {
            "lambda": self._function,
            "sqs": self._queue,
            "states": self._state_machine,
            "events": self._bus,
            "logs": self._log_group,
            "sns": self._topic,
            "kinesis": self._stream,
        }
        state = plane.state
        self._there: dict[str, Callable[[str], Any]] = {
            "lambda": plane.functions.find,
            "logs": state.log_group,
            "sns": state.topic,
            "sqs": state.queue,
        }

    def send(self, passage: Passage, message: str, done: Done) -> None:
        """Send a rule's message to its target, and tell `done` how that went."""
        arn = passage.target["Arn"]
        failure = _attempted(lambda: self._check(passage))
        if failure is None and ":api-destination/" in arn:
            self.destinations.send(passage, message, done)
        else:
            done(failure or _attempted(lambda: self.way(arn)(passage.target, message, passage)))

    def _check(self, passage: Passage) -> None:
        """Raise _Undeliverable where the rule is not let in, or LookupError where there is nothing to be let into."""
        arn, envelope = passage.target["Arn"], passage.envelope
        self.way(arn)
        known = {"events:source": (envelope["source"],), "events:detail-type": (envelope["detail-type"],)}
        of_event = known if ":event-bus/" in arn else {}
        refusal = self._plane.permissions.refusal(passage.target, passage.rule.arn, of_event)
        if refusal:
            self.find(arn)
            raise _Undeliverable("NO_PERMISSIONS", refusal)

    def call(self, target: Target, message: str) -> Failure | None:
        """Send a message to a target with its own parameters, once, for a caller that has been judged."""
        return _attempted(lambda: self.way(target["Arn"])(target, message, None))

    def forward(self, arn: str, message: str, attributes: dict[str, str] | None = None) -> None:
        """Send a dead letter or the record of an invocation, once. Raises LookupError if there is nowhere to send."""
        plane = self._near(arn)
        if arn.split(":")[2] == "sqs":
            queues.send(plane.state, arn, message, attributes)
        else:
            self.way(arn)({"Arn": arn}, message, None)

    def find(self, arn: str) -> Any:
        """What there is to be let into. Raises LookupError."""
        near = self._near(arn).targets
        if near is not self:
            return near.find(arn)
        return self._there.get(arn.split(":")[2], str)(arn)

    def _near(self, arn: str) -> "Plane":
        """The plane in which an ARN is. Raises Nowhere."""
        plane = self._plane.near(arn)
        if plane is None:
            raise Nowhere(nowhere(arn))
        return plane

    def way(self, arn: str) -> Way:
        """How a target is reached, in the account and region in which it is. Raises Nowhere, UnknownTargetError."""
        near = self._near(arn).targets
        if near is not self:
            return near.way(arn)
        service = arn.split(":")[2]
        if service not in self._ways:
            raise UnknownTargetError(
                f"The local cloud delivers to {', '.join(sorted(self._ways))}, not to {service}: {arn}"
            )
        return self._ways[service]

    def _function(self, target: Target, message: str, _passage: Passage | None) -> None:
        functions = self._plane.functions
        functions.invoke_async(functions.find(target["Arn"]), message.encode())

    def _queue(self, target: Target, message: str, _passage: Passage | None) -> None:
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        queue = self._plane.state.queue(target["Arn"])
        if queue.fifo_queue and not queue.content_based_deduplication:
            raise _Undeliverable(
                "INVALID_PARAMETER",
                f"The queue {queue.name} should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly",
            )
        queues.send(self._plane.state, target["Arn"], message, group=group)

    def _state_machine(self, target: Target, message: str, passage: Passage | None) -> None:
        self._plane.machines.start(target["Arn"], message, name=execution_name(passage) if passage else None)

    def _bus(self, target: Target, message: str, passage: Passage | None) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html."""
        if passage is None:
            self._plane.buses.publish(target["Arn"], json.loads(message))
            return
        if passage.hopped:
            raise _Undeliverable("THIRD_ACCOUNT_HOP_DETECTED", _SECOND_HOP.format(passage.envelope["id"]))
        if target["Arn"].rpartition("/")[2] not in self._plane.state.events.event_buses:
            raise LookupError(f"The event bus {target['Arn']} does not exist.")
        self._plane.buses.publish(target["Arn"], passage.envelope, hopped=True)

    def _log_group(self, target: Target, message: str, _passage: Passage | None) -> None:
        group, stream = self._plane.state.log_group(target["Arn"]), str(uuid.uuid4())
        self._plane.state.logs.create_log_stream(group, stream)
        line = {"timestamp": int(self._plane.clock.now() * 1000), "message": message}
        if "InputTransformer" in target:
            line |= _log_line(message)
        self._plane.state.logs.put_log_events(group, stream, [line])

    def _topic(self, target: Target, message: str, _passage: Passage | None) -> None:
        self._plane.state.topic(target["Arn"])
        self._plane.state.sns.publish(arn=target["Arn"], message=message)

    def _stream(self, target: Target, message: str, passage: Passage | None) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html."""
        name = target["Arn"].rpartition("/")[2]
        if name not in self._plane.state.kinesis.streams:
            raise LookupError(f"The stream {target['Arn']} does not exist.")
        key = _partition_key(target, passage)
        self._plane.state.kinesis.put_record(target["Arn"], name, key, None, b64encode(message.encode()).decode())


def _attempted(send: Callable[[], None]) -> Failure | None:
    """Send, and what a refusal of the target comes to."""
    from moto.core.exceptions import JsonRESTError, ServiceException  # noqa: PLC0415 - as in state.py

    refusals = (_Undeliverable, UnknownTargetError, CannotJudge, Refused, LookupError, JsonRESTError, ServiceException)
    try:
        send()
    except refusals as error:
        told = getattr(error, "message", None) or (error.args[0] if error.args else error)
        return Failure(_code(error), str(told), retriable=False)
    return None


def _code(error: Exception) -> str:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html."""
    if isinstance(error, _Undeliverable):
        return error.code
    not_here = "NOT_DELIVERED_LOCALLY"
    codes = {CannotJudge: "NO_PERMISSIONS", UnknownTargetError: not_here, Nowhere: not_here, LookupError: "NO_RESOURCE"}
    return next((code for kind, code in codes.items() if isinstance(error, kind)), "SDK_CLIENT_ERROR")


def nowhere(arn: str) -> str:
    """What is wrong with an ARN whose account and region nobody has opened."""
    _, _, _, region, account, *_ = arn.split(":")
    return (
        f"Nothing is in account {account} in {region}, so {arn} is not there. Deploy to it, by a stack with "
        f"env=Environment(account={account!r}, region={region!r}), or sign a call for it with the key {account!r}."
    )


_SECOND_HOP = (
    "Event ingestion rejected for event {} because an event can be sent to an event bus target only once. "
    "This event was previously delivered to an event bus target."
)


def execution_name(passage: Passage) -> str:
    """The name of an execution: the event's id, and an id that is the same for each attempt of one rule and target."""
    whose = (passage.rule.arn, passage.target.get("Id"), passage.envelope.get("replay-name"))
    return f"{passage.envelope['id']}_{uuid.uuid5(uuid.NAMESPACE_URL, repr(whose))}"


def _partition_key(target: Target, passage: Passage | None) -> str:
    given = target.get("KinesisParameters") or {}
    if passage is None:
        return str(given.get("PartitionKey") or uuid.uuid4())
    path = given.get("PartitionKeyPath")
    try:
        key = find(passage.envelope, path) if path else passage.envelope["id"]
    except BadPath as error:
        raise _Undeliverable("INVALID_PARAMETER", str(error)) from error
    if key is MISSING:
        raise _Undeliverable("INVALID_PARAMETER", f"The event has nothing at PartitionKeyPath {path}.")
    return key if isinstance(key, str) else json.dumps(key)


def _log_line(message: str) -> dict[str, Any]:
    """A template of timestamp and message makes both of a log event.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    made = json.loads(message) if message.startswith("{") else {}
    if made.keys() != {"timestamp", "message"}:
        return {}
    time = made["timestamp"]
    if isinstance(time, str) and "T" in time:
        time = datetime.fromisoformat(time).timestamp() * 1000
    return {"timestamp": int(time), "message": str(made["message"])}
