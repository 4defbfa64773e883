"""Lost data: what fails, and has nowhere to go."""

from collections.abc import Iterator
from typing import Any

from millrace.flow.assembly import Resource
from millrace.flow.checks.timing import invoke_config
from millrace.flow.findings import Finding, System, check
from millrace.flow.permissions import statements
from millrace.flow.rules import UNSUCCESSFUL, failed_executions

_LOST = "is lost without a trace"
_LETTERS = "dead-letters"


@check("missing-failure-path", weakness="lost data")
def missing_failure_path(system: System) -> Iterator[Finding]:
    """Something can fail for good, and what it worked on is not kept.

    A rule gives up after 24 hours, a queue's message expires, an asynchronous invocation is retried twice, a stream's
    record ages out, an execution fails: without a dead-letter queue or an on-failure destination the event is gone.
    Both paths of a function that a rule calls are needed: the one does not see what the other loses.
    And a dead-letter queue keeps only what its policy lets in: the rule, by its ARN.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    yield from _rules(system)
    yield from _functions(system)
    yield from _sources(system)
    yield from _machines(system)


def _rules(system: System) -> Iterator[Finding]:
    for rule in system.assembly.of("Events::Rule"):
        for target in rule.properties.get("Targets", ()):
            to = system.assembly.named(target["Arn"], rule)
            if "DeadLetterConfig" not in target and not _is_an_end(system, to):
                yield Finding.at(
                    system.node_of(rule) or rule,
                    f"What the rule {rule.path} cannot deliver to {_told(to)} {_LOST}.",
                    "Give the target a dead-letter queue: dead_letter_queue=… of the target in aws_events_targets.",
                )
            yield from _shut_out(system, rule, target.get("DeadLetterConfig", {}).get("Arn"))
    for schedule in system.assembly.of("Scheduler::Schedule"):
        if "DeadLetterConfig" not in schedule.properties.get("Target", {}):
            yield Finding.at(
                system.node_of(schedule) or schedule,
                f"What the schedule {schedule.path} cannot deliver {_LOST}.",
                "Give its target a dead-letter queue: DeadLetterConfig.",
            )


def _shut_out(system: System, rule: Resource, arn: Any) -> Iterator[Finding]:
    """A rule whose dead-letter queue does not let it in: CDK's target for streams writes no policy there."""
    letters = system.assembly.named(arn, rule) if arn else None
    if letters and letters.type == "AWS::SQS::Queue" and not _lets_in(system, letters, rule):
        yield Finding.at(
            system.node_of(rule) or rule,
            f"What the rule {rule.path} cannot deliver {_LOST}: {letters.path} does not let it in.",
            "Let events.amazonaws.com send there, where aws:SourceArn is the rule's: add_to_resource_policy.",
        )


def _lets_in(system: System, queue: Resource, rule: Resource) -> bool:
    """Whether a policy of a queue may let a rule in; what a condition writes out as a text may mean any."""
    for policy in system.assembly.of("SQS::QueuePolicy"):
        if queue in [system.assembly.named(each, policy) for each in policy.properties["Queues"]]:
            for statement in statements(policy.properties["PolicyDocument"], policy):
                senders = [system.assembly.named(arn, policy) for arn in statement.condition_values("aws:SourceArn")]
                if not senders or None in senders or rule in senders:
                    return True
    return False


def _is_an_end(system: System, target: Resource | None) -> bool:
    """Whether a target only keeps what it is sent: a log, or a dead-letter queue itself."""
    node = system.node_of(target) if target else None
    return target is not None and (target.type == "AWS::Logs::LogGroup" or (node is not None and node.kind == _LETTERS))


def _functions(system: System) -> Iterator[Finding]:
    """Functions that are invoked asynchronously."""
    for node in system.graph.functions:
        callers = [system.graph[edge.source] for edge in system.graph.into(node.id, "delivers")]
        if callers and not _own_path(system, node.resource):
            yield Finding.at(
                node,
                f"An event that {node.name} fails to handle {_LOST}: {callers[0].id} invokes it asynchronously.",
                "Give it an on-failure destination: lambda_.EventInvokeConfig(on_failure=…), or the channel direct().",
            )


def _own_path(system: System, function: Resource | None) -> bool:
    """Whether a function's own asynchronous invocations have somewhere to fail to."""
    if function is None or "DeadLetterConfig" in function.properties:
        return function is not None
    return "OnFailure" in invoke_config(system, function).get("DestinationConfig", {})


def _sources(system: System) -> Iterator[Finding]:
    """What an event source mapping reads: a queue redrives by itself, a stream needs a destination."""
    for mapping in system.assembly.of("Lambda::EventSourceMapping"):
        source = system.assembly.named(mapping.properties.get("EventSourceArn"), mapping)
        if source is None:
            continue
        if source.type == "AWS::SQS::Queue" and "RedrivePolicy" not in source.properties:
            yield Finding.at(
                system.node_of(source) or source,
                f"A message of {source.path} that its function cannot handle comes again and again, then {_LOST}.",
                "Give the queue a dead-letter queue: dead_letter_queue=sqs.DeadLetterQueue(…).",
            )
        if source.type != "AWS::SQS::Queue" and "OnFailure" not in mapping.properties.get("DestinationConfig", {}):
            yield Finding.at(
                system.node_of(source) or source,
                f"A record of {source.path} that its function cannot handle {_LOST}, or holds up its shard.",
                "Give the event source an on-failure destination: on_failure=….",
            )


def _machines(system: System) -> Iterator[Finding]:
    """A state that catches errors sees no time-out of its machine, no abort and no error of the language itself."""
    rules = system.assembly.of("Events::Rule")
    kept = [machine for rule in rules for machine in failed_executions(system.assembly, rule)]
    for machine in system.assembly.of("StepFunctions::StateMachine"):
        if machine not in kept:
            yield Finding.at(
                system.node_of(machine) or machine,
                f"What an execution of {machine.path} fails at {_LOST}: no rule keeps it.",
                f"Have a rule of the default bus lead its status changes {', '.join(UNSUCCESSFUL)} to a dead-letter "
                f"queue, as Mediator and Saga do; an express machine tells of none: make it a standard one.",
            )


def _told(target: Resource | None) -> str:
    return target.path if target else "its target"
