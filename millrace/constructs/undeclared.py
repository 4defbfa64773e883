"""What comes to a bus under a name that no contract has: a rule of the bus keeps it among the dead letters."""

import json
from collections.abc import Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.declared import EventTypes
from millrace.constructs.name_patterns import all_but
from millrace.constructs.queues import let_send
from millrace.flow.graph import UNDECLARED_RULE

REASON = "No contract of this app has its source and detail-type."
_TEMPLATE = json.dumps({"undeclared": REASON, "event": "EVENT"}).replace('"EVENT"', "<aws.events.event.json>")


class Undeclared(Construct):
    """The rule, or several where one pattern would be too long; no function runs for what they match.

    Of sources that are `foreign` nothing is kept; None: of no source that no contract here has.
    """

    def __init__(
        self, scope: Construct, *, bus: events.IEventBus, to: sqs.Queue, foreign: Sequence[str] | None
    ) -> None:
        super().__init__(scope, "Undeclared")
        self._bus = bus
        self._to = to
        self._foreign = foreign
        self._known: dict[str, set[str]] = {}
        self._rules: list[events.CfnRule] = []

    def add(self, known: EventTypes) -> None:
        """Let events of these contracts pass."""
        for event in known:
            self._known.setdefault(event.contract.source, set()).add(event.contract.detail_type)
        for number, pattern in enumerate(all_but(self._known, self._foreign)):
            self._rule(number).event_pattern = pattern

    def _rule(self, number: int) -> events.CfnRule:
        if number == len(self._rules):
            self._rules.append(self._made(f"Rule{number or ''}"))
        return self._rules[number]

    def _made(self, name: str) -> events.CfnRule:
        """By CloudFormation's own resource: CDK's writes no `$or`."""
        target = events.CfnRule.TargetProperty(
            arn=self._to.queue_arn,
            id="Letters",
            input_transformer=events.CfnRule.InputTransformerProperty(input_template=_TEMPLATE),
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self._to.queue_arn),
        )
        rule = events.CfnRule(self, name, event_bus_name=self._bus.event_bus_name, targets=[target])
        rule.add_metadata("millrace", {"kind": UNDECLARED_RULE})
        let_send(self._to, rule.attr_arn)
        return rule
