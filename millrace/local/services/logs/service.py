"""Amazon CloudWatch Logs as a target of rules."""

import json
import uuid
from datetime import datetime
from typing import Any

from millrace.local.core.service import DeliveryPermissions, Service
from millrace.local.core.targets import Message


class Logs(Service):
    """The log groups of an account and region."""

    arn_name = "logs"
    is_target = True
    permissions_to_deliver = DeliveryPermissions(("logs:CreateLogStream", "logs:PutLogEvents"))
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions."""

    def find(self, arn: str) -> str:
        """Return the name of a log group. Raises LookupError if it does not exist."""
        name = arn.split("log-group:")[1].removesuffix(":*")
        if name not in self.region.backends.logs.groups:
            raise LookupError(f"The log group {name} does not exist.")
        return name

    def deliver(self, message: Message) -> None:
        """Write a message to a new log stream, or to the one that a pipe names."""
        logs, group, parameters = self.region.backends.logs, self.find(message.target["Arn"]), _parameters(message)
        stream = parameters.get("LogStreamName") or str(uuid.uuid4())
        if stream not in logs.groups[group].streams:
            logs.create_log_stream(group, stream)
        timestamp = parameters.get("Timestamp") or self.region.clock.now() * 1000
        line = {"timestamp": int(float(timestamp)), "message": message.body}
        if "InputTransformer" in message.target:
            line |= _log_line(message.body)
        logs.put_log_events(group, stream, [line])

    def resource_policy(self, arn: str) -> Any:  # noqa: ARG002 - policies belong to the account
        """Return the account's policies."""
        return tuple(policy.policy_document for policy in list(self.region.backends.logs.resource_policies.values()))


def _parameters(message: Message) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeTargetCloudWatchLogsParameters.html."""
    return message.target.get("LogsParameters") or {}


def _log_line(message: str) -> dict[str, Any]:
    """Return the timestamp and message of an input that has exactly these fields.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    fields = json.loads(message) if message.startswith("{") else {}
    if fields.keys() != {"timestamp", "message"}:
        return {}
    time = fields["timestamp"]
    if isinstance(time, str) and "T" in time:
        time = datetime.fromisoformat(time).timestamp() * 1000
    return {"timestamp": int(time), "message": str(fields["message"])}
