"""Letters by the default bus: what AWS itself tells of there is put into a dead-letter queue."""

from typing import Any

from aws_cdk import Names
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.bus import Bus
from millrace.constructs.channels import retries
from millrace.constructs.encryption import let_rule_send
from millrace.flow.machine import UNSUCCESSFUL

_OWNER = 56
"""Characters of a rule's name, 64 at most, that say whose it is."""


def letter_rule(
    scope: Construct,
    name: str,
    pattern: dict[str, Any],
    dead_letters: sqs.Queue,
    key: kms.IKey | None,
    otherwise: sqs.Queue | None = None,
) -> events.Rule:
    """A rule of the default bus, called `name`, that keeps what it matches; `otherwise` keeps what it cannot deliver.

    It has a name of its own, by which the policy of the key knows it.
    """
    named = f"{Names.unique_resource_name(scope, max_length=_OWNER, separator='-')}-{name}"
    letter = targets.SqsQueue(dead_letters, dead_letter_queue=otherwise, **retries())
    known = events.EventPattern(**pattern)
    rule = events.Rule(scope, f"{name}Rule", rule_name=named, event_pattern=known, targets=[letter])
    if key:
        let_rule_send(scope, key, named)
    return rule


def keep_failed(scope: Construct, machine: sfn.StateMachine, dead_letters: sqs.Queue, bus: Bus) -> None:
    """Keep each execution that ends without success, as Step Functions tells of it on the default bus.

    A state that caught all errors and sent the letter itself would end the execution where no redrive leads back to the
    task. https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    pattern = {
        "source": ["aws.states"],
        "detail_type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine.state_machine_arn], "status": list(UNSUCCESSFUL)},
    }
    letter_rule(scope, "Failed", pattern, dead_letters, bus.encryption_key, otherwise=bus.dead_letters)
