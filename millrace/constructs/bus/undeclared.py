"""Send events that no contract declares to the dead-letter queue of the bus."""

import json
from collections.abc import Sequence

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.constructs.bus.rules import patterns_excluding
from millrace.constructs.failure.dead_letters import allow_eventbridge_to_send
from millrace.constructs.function.project import EventTypes
from millrace.flow.graph import UNDECLARED_RULE

REASON = "No contract of this app has its source and detail-type."
_TEMPLATE = json.dumps({"undeclared": REASON, "event": "EVENT"}).replace('"EVENT"', "<aws.events.event.json>")


class UndeclaredEvents(Construct):
    """Rules that match undeclared events; several if one pattern would be too long.

    Events of foreign sources do not match; with None, only undeclared events of known sources do.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        bus: events.IEventBus,
        dead_letters: sqs.Queue,
        foreign_sources: Sequence[str] | None,
    ) -> None:
        super().__init__(scope, "Undeclared")
        self._bus = bus
        self._dead_letters = dead_letters
        self._foreign_sources = foreign_sources
        self._known: dict[str, set[str]] = {}
        self._rules: list[events.CfnRule] = []

    def add(self, event_types: EventTypes) -> None:
        """Exclude these events from the rules."""
        for event in event_types:
            self._known.setdefault(event.contract.source, set()).add(event.contract.detail_type)
        for number, pattern in enumerate(patterns_excluding(self._known, self._foreign_sources)):
            if number == len(self._rules):
                self._rules.append(self._rule(f"Rule{number or ''}"))
            self._rules[number].event_pattern = pattern

    def _rule(self, name: str) -> events.CfnRule:
        """Create a CfnRule: CDK's Rule does not support `$or`."""
        target = events.CfnRule.TargetProperty(
            arn=self._dead_letters.queue_arn,
            id="DeadLetters",
            input_transformer=events.CfnRule.InputTransformerProperty(input_template=_TEMPLATE),
            dead_letter_config=events.CfnRule.DeadLetterConfigProperty(arn=self._dead_letters.queue_arn),
        )
        rule = events.CfnRule(self, name, event_bus_name=self._bus.event_bus_name, targets=[target])
        rule.add_metadata("millrace", {"kind": UNDECLARED_RULE})
        allow_eventbridge_to_send(self._dead_letters, rule.attr_arn)
        return rule
