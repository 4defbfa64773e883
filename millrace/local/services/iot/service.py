"""AWS IoT Core: publish to a topic, and let its rules run their actions.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-rules.html
"""

import base64
import json
import logging
import re
import uuid
from typing import Any

from millrace.local.core.service import Service
from millrace.local.core.targets import attempt, send_record
from millrace.local.services.iam import Iam, Permission, unauthorized
from millrace.local.services.iot.actions import PERMISSIONS, name_of, target_of

_SQL = re.compile(r"\s*SELECT\s+\*\s+FROM\s+'([^']+)'\s*", re.IGNORECASE)
_log = logging.getLogger(__name__)
_SUPPORTED = "SELECT * FROM 'filter'"
_SUBSTITUTION = re.compile(r"\$\{([^}]*)\}")
_TOPIC = re.compile(r"topic\((\d+)\)")
_FIELD = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class TopicRuleError(ValueError):
    """A topic rule uses a feature that the local cloud does not support."""


class Iot(Service):
    """The topic rules of an account and region."""

    arn_name = "iot"

    def publish(self, topic: str, payload: bytes) -> None:
        """Run the actions of the rules whose topic filter matches, or their error actions."""
        for rule in list(self.region.backends.iot.rules.values()):
            if not rule.rule_disabled and matches(topic_filter(rule.sql), topic):
                for action in rule.actions:
                    reason = self._run(rule, action, topic, payload)
                    if reason:
                        self._fail(rule, action, topic, payload, reason)

    def _run(self, rule: Any, action: dict[str, Any], topic: str, payload: bytes) -> str | None:
        """Run an action; return why it failed."""
        ((kind, settings),) = action.items()
        arn = target_of(action, self.region.name, self.region.account)
        if refusal := self._refusal(rule, kind, settings.get("roleArn"), arn):
            return refusal
        if kind == "kinesis":
            return self._put_record(arn, settings, topic, payload)
        text = payload.decode("utf-8", "replace")
        if kind == "firehose":
            text += settings.get("separator") or ""
        elif kind == "sqs" and settings.get("useBase64"):
            text = base64.b64encode(payload).decode()
        failure = attempt(lambda: send_record(self.region, arn, text))
        return failure.message if failure else None

    def _put_record(self, arn: str, settings: dict[str, Any], topic: str, payload: bytes) -> str | None:
        kinesis = self.region.backends.kinesis
        if settings["streamName"] not in kinesis.streams:
            return f"The stream {arn} does not exist."
        key = substituted(settings.get("partitionKey") or "${newuuid()}", topic, payload)
        kinesis.put_record(arn, settings["streamName"], key, None, base64.b64encode(payload).decode())
        return None

    def _fail(self, rule: Any, action: dict[str, Any], topic: str, payload: bytes, reason: str) -> None:
        """Run the error action, which receives the message in base64.

        https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
        """
        failures = [{"failedAction": name_of(action), "failedResource": rule.rule_name, "errorMessage": reason}]
        encoded = base64.b64encode(payload).decode()
        body = {"ruleName": rule.rule_name, "topic": topic, "base64OriginalPayload": encoded, "failures": failures}
        again = self._run(rule, rule.error_action, topic, json.dumps(body).encode()) if rule.error_action else None
        _log.warning("The rule %s failed: %s%s", rule.rule_name, reason, again and f" Its error action failed: {again}")

    def _refusal(self, rule: Any, kind: str, role: str | None, arn: str) -> str | None:
        access = self.region.service(Iam).access
        if not access.enforce_iam:
            return None
        permission = Permission(PERMISSIONS[kind], arn, {})
        if kind == "lambda":
            source = f"arn:aws:iot:{self.region.name}:{self.region.account}:rule/{rule.rule_name}"
            allowed = access.may_deliver("iot.amazonaws.com", permission.action, arn, source)
        else:
            allowed = bool(role) and not access.denied(str(role), "iot", permission)
        return None if allowed else unauthorized(role or "iot", permission)


def check_rule(sql: str, actions: list[dict[str, Any]], error_action: dict[str, Any] | None) -> None:
    """Raise TopicRuleError for what the local cloud does not support: other SQL, and other actions."""
    topic_filter(sql)
    for action in [*actions, *([error_action] if error_action else [])]:
        if unknown := sorted(action.keys() - PERMISSIONS.keys()):
            known = ", ".join(PERMISSIONS)
            raise TopicRuleError(f"The local cloud supports the actions {known} of a topic rule, not {unknown[0]}.")
        for name in _SUBSTITUTION.findall(action.get("kinesis", {}).get("partitionKey") or ""):
            if name != "newuuid()" and not _TOPIC.fullmatch(name) and not _FIELD.fullmatch(name):
                raise TopicRuleError(
                    f"The local cloud does not support ${{{name}}} in the partitionKey of a topic rule."
                )


def topic_filter(sql: str) -> str:
    """Return the topic filter of `SELECT * FROM '…'`. Raises TopicRuleError for other SQL."""
    found = _SQL.fullmatch(sql)
    if found is None:
        raise TopicRuleError(f"The SQL of a topic rule must be {_SUPPORTED} in the local cloud, not: {sql}")
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
