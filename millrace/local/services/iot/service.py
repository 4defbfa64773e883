"""AWS IoT Core: publish to a topic, and let its rules put the message into Kinesis streams.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-rules.html
"""

import base64
import json
import re
import uuid
from typing import Any

from millrace.local.core.service import Service
from millrace.local.services.iam import Iam, Permission

_SQL = re.compile(r"\s*SELECT\s+\*\s+FROM\s+'([^']+)'\s*", re.IGNORECASE)
_PLAYED = "SELECT * FROM 'filter'"
_SUBSTITUTION = re.compile(r"\$\{([^}]*)\}")
_TOPIC = re.compile(r"topic\((\d+)\)")
_FIELD = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class TopicRuleError(ValueError):
    """A topic rule uses a feature that the local cloud does not play."""


class Iot(Service):
    """The topic rules of an account and region."""

    arn_name = "iot"

    def publish(self, topic: str, payload: bytes) -> None:
        """Put a message into the streams of the rules whose topic filter matches, or into their error queues."""
        for rule in list(self.region.backends.iot.rules.values()):
            if not rule.rule_disabled and matches(topic_filter(rule.sql), topic):
                for action in rule.actions:
                    self._put(rule, action["kinesis"], topic, payload)

    def _put(self, rule: Any, action: dict[str, Any], topic: str, payload: bytes) -> None:
        kinesis, name = self.region.backends.kinesis, action["streamName"]
        arn = f"arn:aws:kinesis:{self.region.name}:{self.region.account}:stream/{name}"
        reason = self._refusal(action["roleArn"], Permission("kinesis:PutRecord", arn, {}))
        if reason is None and name in kinesis.streams:
            key = substituted(action.get("partitionKey") or "${newuuid()}", topic, payload)
            kinesis.put_record(arn, name, key, None, base64.b64encode(payload).decode())
        else:
            self._fail(rule, topic, payload, reason or f"The stream {arn} does not exist.")

    def _fail(self, rule: Any, topic: str, payload: bytes, reason: str) -> None:
        """Run the error action, which receives the message in base64.

        https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
        """
        action = rule.error_action.get("sqs")
        if action is None:
            return
        failures = [{"failedAction": "KinesisAction", "failedResource": rule.rule_name, "errorMessage": reason}]
        encoded = base64.b64encode(payload).decode()
        body = {"ruleName": rule.rule_name, "topic": topic, "base64OriginalPayload": encoded, "failures": failures}
        queue = action["queueUrl"].rpartition("/")[2]
        self.region.backends.sqs.send_message(queue, json.dumps(body))

    def _refusal(self, role: str, permission: Permission) -> str | None:
        access = self.region.service(Iam).access
        if not access.enforce_iam:
            return None
        denied = access.denied(role, "iot", permission)
        return f"{role} is not authorized to perform: {permission.action} on {permission.resource}" if denied else None


def check_rule(sql: str, actions: list[dict[str, Any]], error_action: dict[str, Any] | None) -> None:
    """Raise TopicRuleError for what the local cloud does not play: other SQL, and other actions."""
    topic_filter(sql)
    for action in actions:
        if set(action) != {"kinesis"}:
            raise TopicRuleError(f"The local cloud plays the action kinesis of a topic rule, not {', '.join(action)}.")
        for name in _SUBSTITUTION.findall(action["kinesis"].get("partitionKey") or ""):
            if name != "newuuid()" and not _TOPIC.fullmatch(name) and not _FIELD.fullmatch(name):
                raise TopicRuleError(f"The local cloud does not play ${{{name}}} in the partitionKey of a topic rule.")
    if error_action and set(error_action) != {"sqs"}:
        raise TopicRuleError(f"The local cloud plays the error action sqs, not {', '.join(error_action)}.")


def topic_filter(sql: str) -> str:
    """Return the topic filter of `SELECT * FROM '…'`. Raises TopicRuleError for other SQL."""
    found = _SQL.fullmatch(sql)
    if found is None:
        raise TopicRuleError(f"The SQL of a topic rule must be {_PLAYED} in the local cloud, not: {sql}")
    return found[1]


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic filter matches: `+` is one level, `#` is all that follow.

    https://docs.aws.amazon.com/iot/latest/developerguide/topics.html#topicfilters
    """
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted, levels = wanted[:-1], levels[: len(wanted) - 1]
    return len(wanted) == len(levels) and all(each in ("+", level) for each, level in zip(wanted, levels, strict=True))


def substituted(template: str, topic: str, payload: bytes) -> str:
    """Return a partition key with the values of its substitutions; `undefined` for a field that does not exist.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html
    """

    def value(found: re.Match[str]) -> str:
        if found[1] == "newuuid()":
            return str(uuid.uuid4())
        if level := _TOPIC.fullmatch(found[1]):
            return [*topic.split("/"), *["undefined"] * int(level[1])][int(level[1]) - 1]
        return _field(payload, found[1])

    return _SUBSTITUTION.sub(value, template)


def _field(payload: bytes, path: str) -> str:
    try:
        value = json.loads(payload)
        for name in path.split("."):
            value = value[name]
    except (ValueError, KeyError, TypeError):
        return "undefined"
    return value if isinstance(value, str) else json.dumps(value)
