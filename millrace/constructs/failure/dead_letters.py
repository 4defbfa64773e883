"""Dead-letter queues, and the rules that send failures of AWS services to them."""

from typing import Any

from aws_cdk import CfnResource, Duration, Names
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from millrace.constructs.bus.encrypted_resources import encrypted_queue
from millrace.constructs.bus.encryption import allow_rule_to_use_key
from millrace.constructs.bus.rules import rule_retry_policy
from millrace.constructs.observability.acknowledgements import acknowledge
from millrace.flow.machine import UNSUCCESSFUL

RETENTION_DAYS = 14
"""The maximum of SQS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"""
_PREFIX_CHARACTERS = 56
"""A rule's name has at most 64 characters."""


def allow_eventbridge_to_send(queue: sqs.IQueue, source_arn: str) -> None:
    """Allow EventBridge to send messages to a queue on behalf of one bus or rule."""
    queue.add_to_resource_policy(
        iam.PolicyStatement(
            actions=["sqs:SendMessage"],
            principals=[iam.ServicePrincipal("events.amazonaws.com")],
            resources=[queue.queue_arn],
            conditions={"ArnEquals": {"aws:SourceArn": source_arn}},
        )
    )


def dead_letter_queue(
    scope: Construct, key: kms.IKey | None, owner: str, *, retention: Duration | None = None
) -> sqs.Queue:
    """Create the dead-letter queue of a construct; operators find it by the name of its owner."""
    queue = encrypted_queue(scope, "DeadLetters", key, retention_period=retention or Duration.days(RETENTION_DAYS))
    reason = "It is itself a dead-letter queue, with an alarm."
    acknowledge(queue, reason, "AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy")
    if isinstance(resource := queue.node.default_child, CfnResource):
        resource.add_metadata("millrace", {"kind": "dead-letters", "of": owner, "construct": scope.node.path})
    return queue


def dead_letter_rule(
    scope: Construct,
    name: str,
    pattern: dict[str, Any],
    dead_letters: sqs.Queue,
    key: kms.IKey | None,
    fallback: sqs.Queue | None = None,
) -> events.Rule:
    """Create a rule on the default bus that sends matching events to a dead-letter queue.

    Events that EventBridge cannot deliver go to `fallback`. The rule's name is fixed because the key policy refers to
    it.
    """
    rule_name = f"{Names.unique_resource_name(scope, max_length=_PREFIX_CHARACTERS, separator='-')}-{name}"
    target = targets.SqsQueue(dead_letters, dead_letter_queue=fallback, **rule_retry_policy())
    event_pattern = events.EventPattern(**pattern)
    rule = events.Rule(scope, f"{name}Rule", rule_name=rule_name, event_pattern=event_pattern, targets=[target])
    if key:
        allow_rule_to_use_key(scope, key, rule_name)
    return rule


def failed_execution_rule(
    scope: Construct, machine: sfn.StateMachine, dead_letters: sqs.Queue, key: kms.IKey | None, fallback: sqs.Queue
) -> None:
    """Send executions that fail, time out, or are aborted to a dead-letter queue.

    A state that catches all errors and sends the message would end the execution where a redrive cannot resume the
    failed task. https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """
    pattern = {
        "source": ["aws.states"],
        "detail_type": ["Step Functions Execution Status Change"],
        "detail": {"stateMachineArn": [machine.state_machine_arn], "status": list(UNSUCCESSFUL)},
    }
    dead_letter_rule(scope, "Failed", pattern, dead_letters, key, fallback)
