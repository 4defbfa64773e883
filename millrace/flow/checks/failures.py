"""Lost data: failures that no queue keeps, steps without undo, and callbacks without an answer."""

from collections.abc import Iterator
from typing import Any

from millrace.flow.assembly import Resource
from millrace.flow.checks.timing import invoke_config
from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import Node
from millrace.flow.machine import UNSUCCESSFUL, failed_executions
from millrace.flow.permissions import statements

_DEAD_LETTERS = "dead-letters"


@check("missing-failure-path", weakness="lost data")
def missing_failure_path(system: System) -> Iterator[Finding]:
    """An event can be lost, because no queue keeps it after the last failure.

    A rule stops retrying after 24 hours. A message of a queue expires. An asynchronous invocation is retried twice. A
    record of a stream expires. An execution fails. Without a dead-letter queue or an on-failure destination the event
    is lost. A function that a rule invokes needs both: one for the rule and one for the invocation. The policy of a
    dead-letter queue must allow the rule, by its ARN, to send messages.
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
            if "DeadLetterConfig" not in target and not _keeps_events(system, to):
                yield Finding.at(
                    system.node_of(rule) or rule,
                    f"Events that the rule {rule.path} cannot deliver to {to.path if to else 'its target'} are lost.",
                    "Give the target a dead-letter queue: dead_letter_queue=… of the target in aws_events_targets.",
                )
            yield from _denied(system, rule, target.get("DeadLetterConfig", {}).get("Arn"))
    for schedule in system.assembly.of("Scheduler::Schedule"):
        if "DeadLetterConfig" not in schedule.properties.get("Target", {}):
            yield Finding.at(
                system.node_of(schedule) or schedule,
                f"Events that the schedule {schedule.path} cannot deliver are lost.",
                "Give its target a dead-letter queue: DeadLetterConfig.",
            )


def _denied(system: System, rule: Resource, arn: Any) -> Iterator[Finding]:
    """A rule whose dead-letter queue denies it. CDK's target for streams writes no queue policy."""
    queue = system.assembly.named(arn, rule) if arn else None
    if queue and queue.type == "AWS::SQS::Queue" and not _allows(system, queue, rule):
        yield Finding.at(
            system.node_of(rule) or rule,
            f"Events that the rule {rule.path} cannot deliver are lost: {queue.path} denies its messages.",
            "Allow events.amazonaws.com to send messages where aws:SourceArn is the rule: add_to_resource_policy.",
        )


def _allows(system: System, queue: Resource, rule: Resource) -> bool:
    """Whether a policy of a queue can allow a rule. A literal ARN in a condition counts as every rule."""
    for policy in system.assembly.of("SQS::QueuePolicy"):
        if queue in [system.assembly.named(each, policy) for each in policy.properties["Queues"]]:
            for statement in statements(policy.properties["PolicyDocument"], policy):
                senders = [system.assembly.named(arn, policy) for arn in statement.condition_values("aws:SourceArn")]
                if not senders or None in senders or rule in senders:
                    return True
    return False


def _keeps_events(system: System, target: Resource | None) -> bool:
    """Whether a target is a log group or a dead-letter queue."""
    node = system.node_of(target) if target else None
    return bool(target and target.type == "AWS::Logs::LogGroup") or bool(node and node.kind == _DEAD_LETTERS)


def _functions(system: System) -> Iterator[Finding]:
    """Functions that are invoked asynchronously."""
    for node in system.graph.functions:
        callers = [system.graph[edge.source] for edge in system.graph.into(node.id, "delivers")]
        if callers and not _has_failure_path(system, node.resource):
            yield Finding.at(
                node,
                f"Events that {node.name} cannot handle are lost: {callers[0].id} invokes it asynchronously.",
                "Give it an on-failure destination: lambda_.EventInvokeConfig(on_failure=…), or the channel direct().",
            )


def _has_failure_path(system: System, function: Resource | None) -> bool:
    """Whether a function has a destination for failed asynchronous invocations."""
    if function is None or "DeadLetterConfig" in function.properties:
        return function is not None
    return "OnFailure" in invoke_config(system, function).get("DestinationConfig", {})


def _sources(system: System) -> Iterator[Finding]:
    """Event source mappings: a queue needs a redrive policy, a stream an on-failure destination."""
    for mapping in system.assembly.of("Lambda::EventSourceMapping"):
        source = system.assembly.named(mapping.properties.get("EventSourceArn"), mapping)
        if source is None:
            continue
        if source.type == "AWS::SQS::Queue" and "RedrivePolicy" not in source.properties:
            yield Finding.at(
                system.node_of(source) or source,
                f"Messages of {source.path} that its function cannot handle are retried until they expire and are "
                "lost.",
                "Give the queue a dead-letter queue: dead_letter_queue=sqs.DeadLetterQueue(…).",
            )
        if source.type != "AWS::SQS::Queue" and "OnFailure" not in mapping.properties.get("DestinationConfig", {}):
            yield Finding.at(
                system.node_of(source) or source,
                f"Records of {source.path} that its function cannot handle block their shard or are lost.",
                "Give the event source an on-failure destination: on_failure=….",
            )


def _machines(system: System) -> Iterator[Finding]:
    """No state can catch a timeout or an abort of its own execution, or an error of the language itself."""
    rules = system.assembly.of("Events::Rule")
    covered = [machine for rule in rules for machine in failed_executions(system.assembly, rule)]
    for machine in system.assembly.of("StepFunctions::StateMachine"):
        if machine not in covered:
            yield Finding.at(
                system.node_of(machine) or machine,
                f"Failed executions of {machine.path} are lost: no rule delivers them to a dead-letter queue.",
                f"Create a rule on the default bus that delivers the statuses {', '.join(UNSUCCESSFUL)} to a "
                f"dead-letter queue, as Mediator and Saga do. An express state machine sends no status events: make "
                f"it a standard one.",
            )


@check("step-without-undo", weakness="lost data")
def step_without_undo(system: System) -> Iterator[Finding]:
    """A step of a saga has no undo, and does not declare that it needs none.

    The effects of the step stay when a later step refuses, or when the step fails after it has acted. Name its undo, or
    declare why none is needed: SagaStep("check_address", nothing_to_undo="it only reads").
    """
    for node in system.graph.of("mediator"):
        for step in node.facts.get("steps", ()):
            if not step.get("undo") and not step.get("nothing_to_undo"):
                name = step["name"]
                yield Finding.at(
                    node,
                    f"The step {name} of {node.name} has no undo.",
                    f'Write SagaStep("{name}", undo="…"), or SagaStep("{name}", nothing_to_undo="why").',
                )


@check("unanswerable-callback", weakness="lost data")
def unanswerable_callback(system: System) -> Iterator[Finding]:
    """A step waits for a callback that cannot arrive.

    No Api of its bus has an endpoint for the callback, or the event that answers it is not external. Each execution
    waits until its timeout and then fails. Create an Api of the bus after the mediator, and declare the answers with
    external=True.
    """
    for node in system.graph.of("step"):
        if node.awaits and not system.graph.into(node.id, "answers"):
            events = " or ".join(name.partition(":")[2] for name in node.awaits)
            yield Finding.at(
                node,
                f"{node.name} waits for {events}, but no Api has an endpoint for its callback.",
                "Create an Api of its bus after the mediator. The Api then has the endpoint POST /callbacks/{id}.",
            )
        for name in node.awaits:
            yield from _internal(node, system.graph[name])


def _internal(step: Node, answer: Node) -> Iterator[Finding]:
    if answer.event and not answer.event.contract.external:
        yield Finding.at(
            step,
            f"{step.name} waits for {answer.name}, which is not an external event.",
            f"Write external=True in the class of {answer.name}, with a source of its own.",
        )
