"""Large data and order: contracts that the flow cannot fulfil."""

from collections.abc import Iterator, Mapping
from typing import Any

from millrace.events import Event
from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import Graph, Node
from millrace.flow.rule_patterns import parts
from millrace.flow.schemas import json_schema

MAX_ENTRY_BYTES = 1_048_576
"""Of an event: https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb"""
MAX_INPUT_BYTES = 262_144
"""Of the input of a state machine: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html"""
Schema = Mapping[str, Any]


@check("oversized-contract", weakness="large data")
def oversized_contract(system: System) -> Iterator[Finding]:
    """A contract allows larger events than the bus can carry.

    The limits of its fields (max_length, max_items) allow an event above 1 MiB, or above 256 KiB if a state machine
    receives it, and the bus has no claim check. Such an event is valid but cannot be delivered. Lower the limits,
    enable the claim check of the bus, or store the data elsewhere and publish its location.
    """
    if any("claims" in resource.facts for resource in system.assembly):
        return
    for node in system.graph.of("event"):
        largest = declared_bytes(node.event) if node.event else 0
        maximum = MAX_INPUT_BYTES if _reaches_machine(system.graph, node.id) else MAX_ENTRY_BYTES
        if largest > maximum:
            yield Finding.at(
                node,
                f"The contract of {node.name} allows {largest:,} bytes; the maximum is {maximum:,}.",
                "Lower the limits of its fields, or enable the claim check of the bus.",
            )


def _reaches_machine(graph: Graph, event: str) -> bool:
    """Whether an event is in the input of a state machine: of a rule, or of a function that starts it."""
    targets = [edge.target for rule in graph.out(event, "matches") for edge in graph.out(rule.target, "delivers")]
    started = (edge for consumer in graph.consumers(event) for edge in graph.out(consumer.id, "starts"))
    return any(graph[target].kind == "mediator" for target in targets) or any(started)


def declared_bytes(event: type[Event]) -> int:
    """The size that the limits of a contract allow: one byte for each character, none for fields without a limit."""
    schema = json_schema(event)
    return _bytes(schema, schema["properties"]["data"], ())


def _bytes(root: Schema, schema: Schema, within: tuple[str, ...]) -> int:
    """The maximum size of a part. A recursive part counts once."""
    name = schema.get("$ref", "")
    if name in within:
        return 0
    if schema.get("type") == "array":
        items = schema.get("items")
        each = _bytes(root, items, within) if isinstance(items, Mapping) else 0
        return int(schema.get("maxItems", 0)) * each
    return max((_own_bytes(root, part, (*within, name)) for part in parts(root, schema)), default=0)


def _own_bytes(root: Schema, part: Schema, within: tuple[str, ...]) -> int:
    inner = sum(_bytes(root, field, within) for field in part.get("properties", {}).values())
    return inner + int(part.get("maxLength", 0))


@check("unordered-channel", weakness="order")
def unordered_channel(system: System) -> Iterator[Finding]:
    """A channel does not keep the order that an event needs.

    A contract declares the field by which consumers need its events in order: class …(Event, source=…,
    order_by="order_id"). Rules, queues and asynchronous invocations keep no order. A stream keeps the order of all
    records with the same partition key. Give each consumer the channel ordered(partition_key="order_id"), or remove
    order_by.
    """
    graph = system.graph
    for event in graph.of("event"):
        field = event.event.contract.order_by if event.event else None
        for edge in graph.out(event.id, "matches") if field else ():
            for to in graph.out(edge.target, "delivers"):
                if not _keeps_order(graph[edge.target], graph[to.target], str(field)):
                    yield _unordered(system, event, graph[edge.target], graph[to.target], str(field))


def _keeps_order(rule: Node, target: Node, field: str) -> bool:
    """Whether the target of a rule is a stream that is partitioned by the field."""
    if target.kind != "stream" or not rule.resource:
        return False
    keys = [to.get("KinesisParameters", {}).get("PartitionKeyPath") for to in rule.resource.properties["Targets"]]
    return f"$.detail.data.{field}" in keys


def _unordered(system: System, event: Node, rule: Node, target: Node, field: str) -> Finding:
    readers = [system.graph[edge.target] for edge in system.graph.out(target.id, "feeds")] or [target]
    return Finding.at(
        readers[0],
        f"{readers[0].name} needs {event.name} in the order of {field}, but the rule {rule.id} delivers it to "
        f"{target.id}, a {target.kind}.",
        f'Give the consumer the channel ordered(partition_key="{field}"), or remove order_by from {event.name}.',
    )
