"""Lost and doubled data: times that do not fit one another."""

import math
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from millrace.flow.assembly import Resource
from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import Node
from millrace.flow.rules import REDRIVABLE_SECONDS

TIMEOUTS_OF_VISIBILITY = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
VISIBILITY_SECONDS = 30
RETENTION_SECONDS = 345_600
"""What SQS takes where nothing is set.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""
TIMEOUT_SECONDS = 3
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"""
STREAM_HOURS = 24
"""https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html"""
ASYNC_SECONDS = 21_600
"""https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
ASYNC_PAUSES = (60, 120)
"""Seconds before the first and the second retry of an asynchronous invocation; there are no more. The same page."""
WINDOW = "MILLRACE_IDEMPOTENCY_SECONDS"
"""The variable that tells a function for how long it remembers an event."""
_DAY = 86_400


@check("short-visibility", weakness="lost data")
def short_visibility(system: System) -> Iterator[Finding]:
    """A message is shown to a second worker while the first may still be at it.

    Lambda asks for six times the function's timeout, and the batching window besides: with less, a throttled batch
    comes again before it was tried, is handled twice, and ends in the dead-letter queue without having failed.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    for queue, function, window in _queues_of_functions(system):
        needed = TIMEOUTS_OF_VISIBILITY * function.properties.get("Timeout", TIMEOUT_SECONDS) + window
        given = queue.properties.get("VisibilityTimeout", VISIBILITY_SECONDS)
        if given < needed:
            yield Finding.at(
                system.node_of(queue) or queue,
                f"{queue.path} hides a message for {given} s, and {function.path} needs {needed} s.",
                f"Set the queue's visibility timeout to {needed} s or more, or the function's timeout lower.",
            )


@check("retries-outlive-retention", weakness="lost data")
def retries_outlive_retention(system: System) -> Iterator[Finding]:
    """A message expires before its last retry, or before anyone has looked at it.

    What has expired reaches no dead-letter queue. A dead letter keeps the age that it had in its first queue, so that
    a dead-letter queue that keeps no longer than that one loses letters as they arrive.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    for queue in system.assembly.of("SQS::Queue"):
        redrive = queue.properties.get("RedrivePolicy", {})
        letters = system.assembly.named(redrive.get("deadLetterTargetArn"), queue)
        if not letters:
            continue
        retried = int(redrive["maxReceiveCount"]) * queue.properties.get("VisibilityTimeout", VISIBILITY_SECONDS)
        kept = _retention(queue)
        if retried > kept:
            yield Finding.at(
                system.node_of(queue) or queue,
                f"{queue.path} keeps a message for {kept} s, and its retries take up to {retried} s.",
                "Let the queue keep its messages for longer, or let it give them up after fewer deliveries.",
            )
        if _retention(letters) <= kept:
            yield Finding.at(
                system.node_of(letters) or letters,
                f"{letters.path} keeps a letter for {_retention(letters)} s from its first sending, and {queue.path}, "
                f"from where it comes, for {kept} s already.",
                "Let the dead-letter queue keep its letters for longer: 14 days are the most.",
            )
    yield from _streams(system)


def _streams(system: System) -> Iterator[Finding]:
    for mapping in system.assembly.of("Lambda::EventSourceMapping"):
        stream = system.assembly.named(mapping.properties.get("EventSourceArn"), mapping)
        if stream is None or stream.type != "AWS::Kinesis::Stream":
            continue
        kept = int(stream.properties.get("RetentionPeriodHours", STREAM_HOURS)) * 3600
        age = mapping.properties.get("MaximumRecordAgeInSeconds", -1)
        endless = age == -1 and mapping.properties.get("MaximumRetryAttempts", -1) == -1
        if age > kept or endless:
            yield Finding.at(
                system.node_of(stream) or stream,
                f"{stream.path} keeps a record for {kept} s, and its retries take "
                + ("as long as it fails." if endless else f"up to {age} s."),
                "Bound the retries: retry_attempts=…, max_record_age=… below the stream's retention.",
            )


@check("short-idempotency", weakness="lost data")
def short_idempotency(system: System) -> Iterator[Finding]:
    """An event can come again after it has been forgotten that it was handled.

    A rule tries for a day, a queue keeps for days, a dead letter or a failed execution waits for weeks until it is
    redriven: a record that expires before lets the event be handled twice. Lengthen the window of the bus, or keep
    dead letters for less long.
    """
    for node in system.graph.functions:
        window = int(_variables(node).get(WINDOW, 0))
        age = max(_ages(system, node), default=0)
        if window and window < age:
            yield Finding.at(
                node,
                f"{node.name} forgets an event after {window:,} s, and it may come again for {age:,} s.",
                f"Set Bus(idempotency_window=…) to {math.ceil(age / _DAY)} days or more.",
            )


@check("short-retries", weakness="lost data")
def short_retries(system: System) -> Iterator[Finding]:
    """The last retry of an event comes while its idempotency record is still in progress.

    A function stores the record before it runs, for as long as its timeout lasts. If the function crashes, retries
    within that time find the record in progress and fail, and the event becomes a dead letter although no handler has
    completed it. Asynchronous invocations are retried after one minute and again after two; a queue retries after each
    visibility timeout. Set a shorter timeout, or give the event later retries.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
    """
    for node in system.graph.functions:
        held = node.resource.properties.get("Timeout", TIMEOUT_SECONDS) if node.resource else 0
        for source, last in _last_retries(system, node) if WINDOW in _variables(node) else ():
            if 0 < last <= held:
                yield Finding.at(
                    node,
                    f"{node.name} keeps the record of an event in progress for up to {held} s, its timeout, and "
                    f"{source.path} retries a crash for the last time after {last} s.",
                    f"Set the timeout below {last} s, or use the channel queue(): it retries for longer.",
                )


def _last_retries(system: System, node: Node) -> Iterator[tuple[Resource, int]]:
    """What retries events of a function, and the seconds from a crash to the last retry; 0 where there is none."""
    if node.resource and any(system.graph.into(node.id, "delivers")):
        yield node.resource, _last_asynchronous_retry(invoke_config(system, node.resource))
    for queue, function, _ in _queues_of_functions(system):
        if function == node.resource and "RedrivePolicy" in queue.properties:
            retries = int(queue.properties["RedrivePolicy"]["maxReceiveCount"]) - 1
            yield queue, retries * queue.properties.get("VisibilityTimeout", VISIBILITY_SECONDS)


def _last_asynchronous_retry(config: Mapping[str, Any]) -> int:
    retries = config.get("MaximumRetryAttempts", len(ASYNC_PAUSES))
    moments = accumulate(ASYNC_PAUSES[:retries])
    return max(
        (moment for moment in moments if moment <= config.get("MaximumEventAgeInSeconds", ASYNC_SECONDS)), default=0
    )


def invoke_config(system: System, function: Resource) -> Mapping[str, Any]:
    """The properties of the configuration of a function's asynchronous invocations; none where it has the defaults."""
    for config in system.assembly.of("Lambda::EventInvokeConfig"):
        if system.assembly.named(config.properties["FunctionName"], config) == function:
            return config.properties
    return {}


def _variables(node: Node) -> Mapping[str, Any]:
    variables = node.resource.properties.get("Environment", {}).get("Variables", {}) if node.resource else {}
    return {name: value for name, value in variables.items() if isinstance(value, str)}


def _ages(system: System, node: Node) -> Iterator[int]:
    """How old an event may be when it comes for the last time, in seconds, by each of its ways to a function."""
    graph = system.graph
    for edge in graph.into(node.id, "feeds"):
        source = graph[edge.source]
        kept = _kept(source.resource) if source.resource else 0
        for rule in graph.into(source.id, "delivers"):
            yield _rule_age(graph[rule.source]) + max(kept, _letters_kept(system, source))
    for rule in graph.into(node.id, "delivers"):
        yield _rule_age(graph[rule.source]) + ASYNC_SECONDS + _letters_kept(system, node)
    if any(graph[edge.source].kind == "mediator" for edge in graph.into(node.id, "invokes")):
        yield REDRIVABLE_SECONDS


def _rule_age(rule: Node) -> int:
    """How long a rule tries to deliver."""
    targets = rule.resource.properties.get("Targets", ()) if rule.resource else ()
    return max((to.get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", _DAY) for to in targets), default=0)


def _letters_kept(system: System, node: Node) -> int:
    """How long the dead-letter queue of a node keeps a letter, which keeps its age."""
    letters = [system.graph[edge.target].resource for edge in system.graph.out(node.id, "fails-to")]
    return max((_retention(queue) for queue in letters if queue), default=0)


def _queues_of_functions(system: System) -> Iterator[tuple[Resource, Resource, int]]:
    """Each queue with the function that reads it, and the batching window in seconds."""
    for mapping in system.assembly.of("Lambda::EventSourceMapping"):
        queue = system.assembly.named(mapping.properties.get("EventSourceArn"), mapping)
        function = system.assembly.named(mapping.properties["FunctionName"], mapping)
        if queue and function and queue.type == "AWS::SQS::Queue":
            yield queue, function, mapping.properties.get("MaximumBatchingWindowInSeconds", 0)


def _retention(queue: Resource) -> int:
    return int(queue.properties.get("MessageRetentionPeriod", RETENTION_SECONDS))


def _kept(source: Resource) -> int:
    """How long a queue or a stream keeps what waits in it."""
    if source.type == "AWS::SQS::Queue":
        return _retention(source)
    return int(source.properties.get("RetentionPeriodHours", STREAM_HOURS)) * 3600
