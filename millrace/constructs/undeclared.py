"""What comes to a bus under a name that no contract has: a rule of the bus keeps it among the dead letters."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from millrace.events import Event
from millrace.flow.graph import KEEPS_UNDECLARED

PATTERN_CHARACTERS = 2_048
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""
REASON = "No contract of this app has its source and detail-type."
_TEMPLATE = json.dumps({"undeclared": REASON, "event": "EVENT"}).replace('"EVENT"', "<aws.events.event.json>")
Pattern = Mapping[str, Any]


class Undeclared(Construct):
    """The rule, or several where one pattern would be too long; no function runs for what they match.

    Of sources that are `foreign` nothing is kept; None: of no source that no contract here has.
    """

    def __init__(
        self, scope: Construct, *, bus: events.IEventBus, to: sqs.Queue, foreign: Iterable[str] | None
    ) -> None:
        super().__init__(scope, "Undeclared")
        self._bus = bus
        self._to = to
        self._foreign = None if foreign is None else sorted(foreign)
        self._known: dict[str, set[str]] = {}
        self._rules: list[events.CfnRule] = []

    def declare(self, known: Iterable[type[Event]]) -> None:
        """Let events of these contracts pass."""
        for event in known:
            self._known.setdefault(event.contract.source, set()).add(event.contract.detail_type)
        for number, pattern in enumerate(_patterns(list(self._unknown()))):
            self._rule(number).event_pattern = pattern

    def _unknown(self) -> Iterator[Pattern]:
        """What describes a name that no contract has: by its source, or by a detail-type that its source has not."""
        known = sorted(self._known)
        if self._foreign is not None:
            named = [*known, *self._foreign]
            yield {"source": [{"anything-but": named} if named else {"prefix": ""}]}
        for source in known:
            yield {"source": [source], "detail-type": [{"anything-but": sorted(self._known[source])}]}

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
        rule.add_metadata("millrace", {"kind": KEEPS_UNDECLARED})
        self._to.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sqs:SendMessage"],
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                resources=[self._to.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.attr_arn}},
            )
        )
        return rule


def _patterns(alternatives: Sequence[Pattern]) -> Iterator[Pattern]:
    """As few patterns as hold them all, none longer than AWS takes, unless one alternative is by itself."""
    together: list[Pattern] = []
    for one in alternatives:
        if together and len(json.dumps(_either([*together, one]), separators=(",", ":"))) > PATTERN_CHARACTERS:
            yield _either(together)
            together = []
        together.append(one)
    if together:
        yield _either(together)


def _either(alternatives: Sequence[Pattern]) -> Pattern:
    """AWS takes no `$or` of one: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html."""
    return alternatives[0] if len(alternatives) == 1 else {"$or": list(alternatives)}
