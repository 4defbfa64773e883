"""Where a rule, a destination or a dead letter leads: one way to each kind of target."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millrace.local.plane import queues
from millrace.local.plane.delivery import Done, Failure

if TYPE_CHECKING:
    from millrace.local.plane.plane import Plane

Target = dict[str, Any]


class UnknownTargetError(NotImplementedError):
    """A kind of target to which the local cloud cannot deliver."""


class Targets:
    """Sends a message to whatever an ARN names."""

    def __init__(self, plane: "Plane") -> None:
        self._plane = plane
        self._ways: dict[str, Callable[[Target, str, dict[str, Any]], None]] = {
            "lambda": self._function,
            "sqs": self._queue,
            "states": self._state_machine,
            "events": self._bus,
            "logs": self._log_group,
            "sns": self._topic,
            "kinesis": self._stream,
        }

    def send(self, target: Target, message: str, envelope: dict[str, Any], done: Done) -> None:
        """Send a rule's message to its target, and tell `done` how that went."""
        try:
            self._way(target["Arn"])(target, message, envelope)
        except UnknownTargetError as error:
            done(Failure("NOT_DELIVERED_LOCALLY", str(error), retriable=False))
        except LookupError as error:
            done(Failure("RESOURCE_NOT_FOUND", str(error.args[0]), retriable=False))
        else:
            done(None)

    def forward(self, arn: str, message: str, attributes: dict[str, str] | None = None) -> None:
        """Send a dead letter or the record of an invocation, once. Raises LookupError if there is nowhere to send."""
        if arn.split(":")[2] == "sqs":
            queues.send(self._plane.state, arn, message, attributes)
        else:
            self._way(arn)({"Arn": arn}, message, {})

    def _way(self, arn: str) -> Callable[[Target, str, dict[str, Any]], None]:
        service = arn.split(":")[2]
        if service not in self._ways:
            raise UnknownTargetError(
                f"The local cloud delivers to {', '.join(sorted(self._ways))}, not to {service}: {arn}"
            )
        return self._ways[service]

    def _function(self, target: Target, message: str, _envelope: dict[str, Any]) -> None:
        functions = self._plane.functions
        functions.invoke_async(functions.find(target["Arn"]), message.encode())

    def _queue(self, target: Target, message: str, _envelope: dict[str, Any]) -> None:
        group = (target.get("SqsParameters") or {}).get("MessageGroupId")
        queues.send(self._plane.state, target["Arn"], message, group=group)

    def _state_machine(self, target: Target, message: str, envelope: dict[str, Any]) -> None:
        self._plane.machines.start(target["Arn"], message, name=envelope.get("id"))

    def _bus(self, target: Target, message: str, envelope: dict[str, Any]) -> None:
        self._plane.buses.publish(target["Arn"], envelope or json.loads(message))

    def _log_group(self, target: Target, message: str, envelope: dict[str, Any]) -> None:
        group = target["Arn"].split("log-group:")[1].removesuffix(":*")
        if group not in self._plane.state.logs.groups:
            raise LookupError(f"The log group {group} does not exist.")
        stream = envelope.get("id", "events")
        self._plane.state.logs.create_log_stream(group, stream)
        line = {"timestamp": int(self._plane.clock.now() * 1000), "message": message}
        self._plane.state.logs.put_log_events(group, stream, [line])

    def _topic(self, target: Target, message: str, _envelope: dict[str, Any]) -> None:
        if target["Arn"] not in self._plane.state.sns.topics:
            raise LookupError(f"The topic {target['Arn']} does not exist.")
        self._plane.state.sns.publish(arn=target["Arn"], message=message)

    def _stream(self, target: Target, message: str, envelope: dict[str, Any]) -> None:
        name = target["Arn"].rpartition("/")[2]
        if name not in self._plane.state.kinesis.streams:
            raise LookupError(f"The stream {target['Arn']} does not exist.")
        path = (target.get("KinesisParameters") or {}).get("PartitionKeyPath")
        key = str(_at(envelope, path)) if path else str(envelope.get("id"))
        self._plane.state.kinesis.put_record(target["Arn"], name, key, None, message.encode())


def _at(envelope: Any, path: str) -> Any:
    for name in path.removeprefix("$.").split("."):
        envelope = envelope[name]
    return envelope
