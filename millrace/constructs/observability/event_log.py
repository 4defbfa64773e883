"""Every event of a bus in a log group, but for what is sensitive in it."""

import json

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from millrace.constructs.bus.name_patterns import Pattern, all_but
from millrace.constructs.function.declared import EventTypes
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.constructs.observability.logs import log_group
from millrace.events.sensitive import marked

_PATHS = {
    "time": "$.time",
    "source": "$.source",
    "type": "$.detail-type",
    "event": "$.detail.metadata.event_id",
    "flow": "$.detail.metadata.correlation_id",
}
_TOLD = "<source> <type>, event <event>, flow <flow>; its data is sensitive"
_LINE = json.dumps({"timestamp": "TIME", "message": _TOLD}).replace('"TIME"', "<time>")


class EventLog:
    """Rules that log each event: whole, or, where its contract marks a field as sensitive, that it was said.

    By CloudFormation's own resources: CDK's target brings a custom resource along.
    """

    def __init__(self, scope: Construct, *, bus: events.IEventBus, name: str, key: kms.IKey | None) -> None:
        self._scope = scope
        self._bus = bus
        self._group = log_group(scope, "Log", key, log_group_name=f"/aws/events/{name}")
        self._group.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"],
                principals=[iam.ServicePrincipal(f"{who}.amazonaws.com") for who in ("events", "delivery.logs")],
                resources=[self._group.log_group_arn],
            )
        )
        self._sensitive: dict[str, set[str]] = {}
        self._rules: dict[str, events.CfnRule] = {}

    def add(self, known: EventTypes) -> None:
        """Keep the data of those events out that hold something sensitive."""
        for event in known:
            if marked(event):
                self._sensitive.setdefault(event.contract.source, set()).add(event.contract.detail_type)
        for number, pattern in enumerate(all_but(self._sensitive)):
            self._log(f"LogRule{number or ''}", pattern)
        for number, (source, names) in enumerate(sorted(self._sensitive.items())):
            self._log(f"LogSensitiveRule{number or ''}", {"source": [source], "detail-type": sorted(names)}, said=True)

    def _log(self, name: str, pattern: Pattern, *, said: bool = False) -> None:
        if name not in self._rules:
            self._rules[name] = self._made(name, said=said)
        self._rules[name].event_pattern = pattern

    def _made(self, name: str, *, said: bool) -> events.CfnRule:
        line = events.CfnRule.InputTransformerProperty(input_paths_map=_PATHS, input_template=_LINE)
        target = events.CfnRule.TargetProperty(
            arn=_without_star(self._group), id="Log", input_transformer=line if said else None
        )
        rule = events.CfnRule(self._scope, name, event_bus_name=self._bus.event_bus_name, targets=[target])
        acknowledge(rule, "What a log may miss is in the archive.", "Serverless-EventBusDLQ")
        return rule


def _without_star(group: logs.LogGroup) -> str:
    arn: str = Stack.of(group).format_arn(
        service="logs",
        resource="log-group",
        resource_name=group.log_group_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return arn
