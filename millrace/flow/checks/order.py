"""Order that is not under control."""

from collections.abc import Iterator

from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import Node


@check("unordered-channel", weakness="order")
def unordered_channel(system: System) -> Iterator[Finding]:
    """An event needs its order, and a channel that leads it to a function cannot give it.

    A contract says by which field its events need their order: class …(Event, source=…, order_by="order_id"). Rules,
    queues and asynchronous invocations give none; a stream does, for all records of one partition key. Put the
    channel ordered(partition_key="order_id") in front of each consumer, or take order_by out.
    """
    graph = system.graph
    for event in graph.of("event"):
        field = event.event.contract.order_by if event.event else None
        for edge in graph.out(event.id, "matches") if field else ():
            for to in graph.out(edge.target, "delivers"):
                if not _keeps_order(graph[edge.target], graph[to.target], str(field)):
                    yield _told(system, event, graph[edge.target], graph[to.target], str(field))


def _keeps_order(rule: Node, target: Node, field: str) -> bool:
    """Whether a rule's target is a stream whose partition key is that field."""
    if target.kind != "stream" or not rule.resource:
        return False
    keys = [to.get("KinesisParameters", {}).get("PartitionKeyPath") for to in rule.resource.properties["Targets"]]
    return f"$.detail.data.{field}" in keys


def _told(system: System, event: Node, rule: Node, target: Node, field: str) -> Finding:
    readers = [system.graph[edge.target] for edge in system.graph.out(target.id, "feeds")] or [target]
    return Finding.at(
        readers[0],
        f"{event.name} needs its order by {field}, and comes to {readers[0].name} through {target.id}, "
        f"a {target.kind}, by the rule {rule.id}.",
        f'Give it the channel ordered(partition_key="{field}"), or take order_by out of the class of {event.name}.',
    )
