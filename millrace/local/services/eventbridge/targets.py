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
from millrace.local.services.eventbridge.rule_delivery import TargetDelivery
from millrace.local.services.iam import UnsupportedPolicyError

if TYPE_CHECKING:
    from millrace.local.core.account_region import AccountRegion

Target = dict[str, Any]
Way = Callable[[Target, str, TargetDelivery | None], None]


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

    def __init__(self, region: "AccountRegion") -> None:
        self._region = region
        self.destinations = Destinations(region)
        self._ways: dict[str, Way] = {
            "lambda": self._function,
            "sqs": self._queue,
            "states": self._state_machine,
            "events": self._bus,
            "logs": self._log_group,
            "sns": self._topic,
            "kinesis": self._stream,
        }
        state = region.backends
        self._there: dict[str, Callable[[str], Any]] = {
            "lambda": region.functions.find,
            "logs": state.log_group,
            "sns": state.topic,
            "sqs": state.queue,
        }

    def send(self, delivery: TargetDelivery, message: str, done: Done) -> None:
        """Send a rule's message to its target, and tell `done` how that went."""
        arn = delivery.target["Arn"]
        failure = _attempted(lambda: self._check(delivery))
        if failure is None and ":api-destination/" in arn:
            self.destinations.send(delivery, message, done)
        else:
            done(failure or _attempted(lambda: self.way(arn)(delivery.target, message, delivery)))

    def _check(self, delivery: TargetDelivery) -> None:
        """Raise _Undeliverable where the rule is not let in, or LookupError where there is nothing to be let into."""
        arn, envelope = delivery.target["Arn"], delivery.envelope
        self.way(arn)
        known = {"events:source": (envelope["source"],), "events:detail-type": (envelope["detail-type"],)}
        of_event = known if ":event-bus/" in arn else {}
        refusal = self._region.permissions.refusal(delivery.target, delivery.rule.arn, of_event)
        if refusal:
            self.find(arn)
            raise _Undeliverable("NO_PERMISSIONS", refusal)

    def call(self, target: Target, message: str) -> Failure | None:
        """Send a message to a target with its own parameters, once, for a caller that has been judged."""
        return _attempted(lambda: self.way(target["Arn"])(target, message, None))

    def forward(self, arn: str, message: str, attributes: dict[str, str] | None = None) -> None:
        """Send a dead letter or the record of an invocation, once. Raises LookupError if there is nowhere to send."""
        region = self._near(arn)
        if arn.split(":")[2] == "sqs":
            queues.send(region.backends, arn, message, attributes)
        else:
            self.way(arn)({"Arn": arn}, message, None)

    def find(self, arn: str) -> Any:
        """What there is to be let into. Raises LookupError."""
        near = self._near(arn).targets
        if near is not self:
            return near.find(arn)
        return self._there.get(arn.split(":")[2], str)(arn)

    def _near(self, arn: str) -> "AccountRegion":
        """The plane in which an ARN is. Raises Nowhere."""
        region = self._region.near(arn)
        if region is None:
            raise Nowhere(nowhere(arn))
        return region

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

    def _function(self, target: Target, message: str, _delivery: TargetDelivery | None) -> None:
        functions = self._region.functions
        functions.invoke_async(functions.find(target["Arn"]), message.encode())

    def _queue(self, target: Target, message: str, _delivery: TargetDelivery | None) -> None:
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        queue = self._region.backends.queue(target["Arn"])
        if queue.fifo_queue and not queue.content_based_deduplication:
            raise _Undeliverable(
                "INVALID_PARAMETER",
                f"The queue {queue.name} should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly",
            )
        queues.send(self._region.backends, target["Arn"], message, group=group)

    def _state_machine(self, target: Target, message: str, delivery: TargetDelivery | None) -> None:
        self._region.machines.start(target["Arn"], message, name=execution_name(delivery) if delivery else None)

    def _bus(self, target: Target, message: str, delivery: TargetDelivery | None) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html."""
        if delivery is None:
            self._region.buses.publish(target["Arn"], json.loads(message))
            return
        if delivery.hopped:
            raise _Undeliverable("THIRD_ACCOUNT_HOP_DETECTED", _SECOND_HOP.format(delivery.envelope["id"]))
        if target["Arn"].rpartition("/")[2] not in self._region.backends.events.event_buses:
            raise LookupError(f"The event bus {target['Arn']} does not exist.")
        self._region.buses.publish(target["Arn"], delivery.envelope, hopped=True)

    def _log_group(self, target: Target, message: str, _delivery: TargetDelivery | None) -> None:
        group, stream = self._region.backends.log_group(target["Arn"]), str(uuid.uuid4())
        self._region.backends.logs.create_log_stream(group, stream)
        line = {"timestamp": int(self._region.clock.now() * 1000), "message": message}
        if "InputTransformer" in target:
            line |= _log_line(message)
        self._region.backends.logs.put_log_events(group, stream, [line])

    def _topic(self, target: Target, message: str, _delivery: TargetDelivery | None) -> None:
        self._region.backends.topic(target["Arn"])
        self._region.backends.sns.publish(arn=target["Arn"], message=message)

    def _stream(self, target: Target, message: str, delivery: TargetDelivery | None) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_KinesisParameters.html."""
        name = target["Arn"].rpartition("/")[2]
        if name not in self._region.backends.kinesis.streams:
            raise LookupError(f"The stream {target['Arn']} does not exist.")
        key = _partition_key(target, delivery)
        self._region.backends.kinesis.put_record(target["Arn"], name, key, None, b64encode(message.encode()).decode())


def _attempted(send: Callable[[], None]) -> Failure | None:
    """Send, and what a refusal of the target comes to."""
    from moto.core.exceptions import JsonRESTError, ServiceException  # noqa: PLC0415 - as in state.py

    refusals = (
        _Undeliverable,
        UnknownTargetError,
        UnsupportedPolicyError,
        Refused,
        LookupError,
        JsonRESTError,
        ServiceException,
    )
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
    codes = {
        UnsupportedPolicyError: "NO_PERMISSIONS",
        UnknownTargetError: not_here,
        Nowhere: not_here,
        LookupError: "NO_RESOURCE",
    }
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


def execution_name(delivery: TargetDelivery) -> str:
    """The name of an execution: the event's id, and an id that is the same for each attempt of one rule and target."""
    whose = (delivery.rule.arn, delivery.target.get("Id"), delivery.envelope.get("replay-name"))
    return f"{delivery.envelope['id']}_{uuid.uuid5(uuid.NAMESPACE_URL, repr(whose))}"


def _partition_key(target: Target, delivery: TargetDelivery | None) -> str:
    given = target.get("KinesisParameters") or {}
    if delivery is None:
        return str(given.get("PartitionKey") or uuid.uuid4())
    path = given.get("PartitionKeyPath")
    try:
        key = find(delivery.envelope, path) if path else delivery.envelope["id"]
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
