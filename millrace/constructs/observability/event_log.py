"""Log every event of a bus to CloudWatch Logs, without sensitive data."""

import json

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from millrace.constructs.bus.encrypted_resources import log_group
from millrace.constructs.bus.rules import Pattern, patterns_excluding
from millrace.constructs.function.project import EventTypes
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.events.sensitive import marked

_PATHS = {
    "time": "$.time",
    "source": "$.source",
    "type": "$.detail-type",
    "event": "$.detail.metadata.event_id",
    "flow": "$.detail.metadata.correlation_id",
}
_MESSAGE = "<source> <type>, event <event>, flow <flow>; its data is sensitive"
_LINE = json.dumps({"timestamp": "TIME", "message": _MESSAGE}).replace('"TIME"', "<time>")


class EventLog:
    """Rules that log events; of an event with sensitive fields, only metadata.

    They are CfnRules, because CDK's target for log groups adds a custom resource.
    """

    def __init__(self, scope: Construct, *, bus: events.IEventBus, name: str, key: kms.IKey | None) -> None:
        self._scope = scope
        self._bus = bus
        self._group = log_group(scope, "Log", key, log_group_name=f"/aws/events/{name}")
        self._group.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                principals=[iam.ServicePrincipal(f"{name}.amazonaws.com") for name in ("events", "delivery.logs")],
                resources=[self._group.log_group_arn],
            )
        )
        self._sensitive: dict[str, set[str]] = {}
        self._rules: dict[str, events.CfnRule] = {}

    def add(self, event_types: EventTypes) -> None:
        """Log only the metadata of those events that have sensitive fields."""
        for event in event_types:
            if marked(event):
                self._sensitive.setdefault(event.contract.source, set()).add(event.contract.detail_type)
        for number, pattern in enumerate(patterns_excluding(self._sensitive)):
            self._log(f"LogRule{number or ''}", pattern)
        for number, (source, names) in enumerate(sorted(self._sensitive.items())):
            pattern = {"source": [source], "detail-type": sorted(names)}
            self._log(f"LogSensitiveRule{number or ''}", pattern, metadata_only=True)

    def _log(self, name: str, pattern: Pattern, *, metadata_only: bool = False) -> None:
        if name not in self._rules:
            self._rules[name] = self._rule(name, metadata_only=metadata_only)
        self._rules[name].event_pattern = pattern

    def _rule(self, name: str, *, metadata_only: bool) -> events.CfnRule:
        transformer = events.CfnRule.InputTransformerProperty(input_paths_map=_PATHS, input_template=_LINE)
        target = events.CfnRule.TargetProperty(
            arn=_arn_without_wildcard(self._group), id="Log", input_transformer=transformer if metadata_only else None
        )
        rule = events.CfnRule(self._scope, name, event_bus_name=self._bus.event_bus_name, targets=[target])
        acknowledge(rule, "Events that are missing in the log are in the archive.", "Serverless-EventBusDLQ")
        return rule


def _arn_without_wildcard(group: logs.LogGroup) -> str:
    arn: str = Stack.of(group).format_arn(
        service="logs",
        resource="log-group",
        resource_name=group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return arn
