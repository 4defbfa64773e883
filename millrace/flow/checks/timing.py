"""Lost and duplicate events: timeouts, retention periods and windows that contradict each other."""

import math
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any

from millrace.flow.assembly import Resource
from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import Node
from millrace.flow.machine import REDRIVABLE_SECONDS

TIMEOUTS_OF_VISIBILITY = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
VISIBILITY_SECONDS = 30
RETENTION_SECONDS = 345_600
"""SQS's defaults.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
"""
TIMEOUT_SECONDS = 3
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-timeout.html"""
STREAM_HOURS = 24
"""https://docs.aws.amazon.com/streams/latest/dev/kinesis-extended-retention.html"""
ASYNC_SECONDS = 21_600
"""https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
ASYNC_PAUSES = (60, 120)
"""Seconds before the first and the second retry of an asynchronous invocation, which are all. See the same page."""
WINDOW = "MILLRACE_IDEMPOTENCY_SECONDS"
"""The environment variable with the lifetime of idempotency records."""
_DAY = 86_400


@check("short-visibility", weakness="lost data")
def short_visibility(system: System) -> Iterator[Finding]:
    """A message becomes visible again while a function may still process it.

    AWS recommends six times the function's timeout plus the batching window. With less, a throttled batch is received
    again before it was processed, is handled twice, or moves to the dead-letter queue without a failure.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    for queue, function, window in _queues_of_functions(system):
        needed = TIMEOUTS_OF_VISIBILITY * function.properties.get("Timeout", TIMEOUT_SECONDS) + window
        given = queue.properties.get("VisibilityTimeout", VISIBILITY_SECONDS)
        if given < needed:
            yield Finding.at(
                system.node_of(queue) or queue,
                f"The visibility timeout of {queue.path} is {given} s, but {function.path} needs {needed} s.",
                f"Set the visibility timeout of the queue to {needed} s or more, or lower the timeout of the function.",
            )


@check("retries-outlive-retention", weakness="lost data")
def retries_outlive_retention(system: System) -> Iterator[Finding]:
    """A message expires before its last retry, or before anyone inspects it in the dead-letter queue.

    An expired message does not move to the dead-letter queue. A message keeps its age when it moves there, so a
    dead-letter queue needs a longer retention period than its source queue.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    for queue in system.assembly.of("SQS::Queue"):
        redrive = queue.properties.get("RedrivePolicy", {})
        dead_letters = system.assembly.named(redrive.get("deadLetterTargetArn"), queue)
        if not dead_letters:
            continue
        retried = int(redrive["maxReceiveCount"]) * queue.properties.get("VisibilityTimeout", VISIBILITY_SECONDS)
        retention = _retention(queue)
        if retried > retention:
            yield Finding.at(
                system.node_of(queue) or queue,
                f"{queue.path} keeps a message for {retention} s, but its retries take up to {retried} s.",
                "Raise the retention period of the queue, or lower its maxReceiveCount.",
            )
        if _retention(dead_letters) <= retention:
            yield Finding.at(
                system.node_of(dead_letters) or dead_letters,
                f"{dead_letters.path} keeps a message for {_retention(dead_letters)} s after it was first sent, but "
                f"its source queue {queue.path} keeps it for {retention} s.",
                "Raise the retention period of the dead-letter queue. The maximum is 14 days.",
            )
    yield from _streams(system)


def _streams(system: System) -> Iterator[Finding]:
    for mapping in system.assembly.of("Lambda::EventSourceMapping"):
        stream = system.assembly.named(mapping.properties.get("EventSourceArn"), mapping)
        if stream is None or stream.type != "AWS::Kinesis::Stream":
            continue
        retention = _retention(stream)
        age = mapping.properties.get("MaximumRecordAgeInSeconds", -1)
        endless = age == -1 and mapping.properties.get("MaximumRetryAttempts", -1) == -1
        if age > retention or endless:
            yield Finding.at(
                system.node_of(stream) or stream,
                f"{stream.path} keeps a record for {retention} s, but its retries "
                + ("have no limit." if endless else f"take up to {age} s."),
                "Limit the retries with retry_attempts=…, or max_record_age=… below the retention period.",
            )


@check("short-idempotency", weakness="lost data")
def short_idempotency(system: System) -> Iterator[Finding]:
    """An event can arrive again after its idempotency record has expired.

    A rule retries for a day, a queue keeps messages for days, and dead letters and failed executions can be redriven
    after weeks. If the record expires earlier, the function handles the event twice. Raise the idempotency window of
    the bus, or lower the retention period of the dead-letter queue.
    """
    for node in system.graph.functions:
        window = int(_variables(node).get(WINDOW, 0))
        age = max(_ages(system, node), default=0)
        if window and window < age:
            yield Finding.at(
                node,
                f"{node.name} keeps idempotency records for {window:,} s, but an event can arrive {age:,} s later.",
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
                    f"{node.name} keeps the record of an event in progress for up to {held} s, its timeout, but "
                    f"{source.path} retries a crash for the last time after {last} s.",
                    f"Set the timeout below {last} s, or use the channel queue(): it retries for longer.",
                )


def _last_retries(system: System, node: Node) -> Iterator[tuple[Resource, int]]:
    """What retries a function, each with the seconds from a crash to the last retry; 0 without retries."""
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
    """The configuration of a function's asynchronous invocations; empty for the defaults."""
    for config in system.assembly.of("Lambda::EventInvokeConfig"):
        if system.assembly.named(config.properties["FunctionName"], config) == function:
            return config.properties
    return {}


def _variables(node: Node) -> Mapping[str, Any]:
    variables = node.resource.properties.get("Environment", {}).get("Variables", {}) if node.resource else {}
    return {name: value for name, value in variables.items() if isinstance(value, str)}


def _ages(system: System, node: Node) -> Iterator[int]:
    """The maximum age in seconds of an event that reaches a function, for each path to it."""
    graph = system.graph
    for edge in graph.into(node.id, "feeds"):
        source = graph[edge.source]
        retention = _retention(source.resource) if source.resource else 0
        for rule in graph.into(source.id, "delivers"):
            yield _rule_age(graph[rule.source]) + max(retention, _dead_letter_retention(system, source))
    for rule in graph.into(node.id, "delivers"):
        yield _rule_age(graph[rule.source]) + ASYNC_SECONDS + _dead_letter_retention(system, node)
    if any(graph[edge.source].kind == "mediator" for edge in graph.into(node.id, "invokes")):
        yield REDRIVABLE_SECONDS


def _rule_age(rule: Node) -> int:
    """How long a rule retries a delivery."""
    targets = rule.resource.properties.get("Targets", ()) if rule.resource else ()
    return max((to.get("RetryPolicy", {}).get("MaximumEventAgeInSeconds", _DAY) for to in targets), default=0)


def _dead_letter_retention(system: System, node: Node) -> int:
    """The retention period of the dead-letter queues of a node."""
    queues = [system.graph[edge.target].resource for edge in system.graph.out(node.id, "fails-to")]
    return max((_retention(queue) for queue in queues if queue), default=0)


def _queues_of_functions(system: System) -> Iterator[tuple[Resource, Resource, int]]:
    """Each queue with its function and the batching window in seconds."""
    for mapping in system.assembly.of("Lambda::EventSourceMapping"):
        queue = system.assembly.named(mapping.properties.get("EventSourceArn"), mapping)
        function = system.assembly.named(mapping.properties["FunctionName"], mapping)
        if queue and function and queue.type == "AWS::SQS::Queue":
            yield queue, function, mapping.properties.get("MaximumBatchingWindowInSeconds", 0)


def _retention(source: Resource) -> int:
    """The retention period of a queue or a stream in seconds."""
    if source.type == "AWS::SQS::Queue":
        return int(source.properties.get("MessageRetentionPeriod", RETENTION_SECONDS))
    return int(source.properties.get("RetentionPeriodHours", STREAM_HOURS)) * 3600
