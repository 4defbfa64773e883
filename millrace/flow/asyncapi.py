"""The app as an AsyncAPI 3.0 document: a channel for each event, and an operation for each producer and consumer.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from collections.abc import Iterable, Iterator
from typing import Any

from millrace.events import Event
from millrace.flow.dialects import Schema, draft_7
from millrace.flow.graph import Graph, Node
from millrace.flow.schemas import details

Json = dict[str, Any]


def asyncapi(graph: Graph, *, title: str, version: str) -> Json:
    """The document of all events with a contract. The payload of a message is the event's `detail`."""
    events = [node.event for node in graph.of("event") if node.event]
    schemas, definitions = details(events, "#/components/schemas/{model}")
    return {
        "asyncapi": "3.0.0",
        "info": {"title": title, "version": version},
        "defaultContentType": "application/json",
        "servers": {bus.name: _server(bus) for bus in graph.of("bus")},
        "channels": {_key(event): _channel(graph, event) for event in events},
        "operations": {key: operation for event in events for key, operation in _operations(graph, event)},
        "components": {
            "messages": {
                _key(event): _message(event, draft_7(schema)) for event, schema in zip(events, schemas, strict=True)
            },
            "schemas": {name: draft_7(schema) for name, schema in definitions.items()},
        },
    }


def _server(bus: Node) -> Json:
    return {
        "host": "events.{region}.amazonaws.com",
        "protocol": "eventbridge",
        "title": f"event bus {bus.name}",
        "variables": {"region": {"description": "An AWS Region."}},
    }


def _channel(graph: Graph, event: type[Event]) -> Json:
    channel: Json = {
        "address": event.contract.name,
        "title": event.__name__,
        "messages": {event.contract.detail_type: {"$ref": f"#/components/messages/{_key(event)}"}},
        "x-amazon-events-source": event.contract.source,
        "x-amazon-events-detail-type": event.contract.detail_type,
    }
    servers = [{"$ref": f"#/servers/{name}"} for name in _buses(graph, event)]
    return {**channel, "servers": servers} if servers else channel


def _buses(graph: Graph, event: type[Event]) -> list[str]:
    """The buses whose rules match an event; the only bus, if there is one."""
    buses = graph.of("bus")
    rules = {edge.target for edge in graph.out(event.contract.name, "matches")}
    on = [bus.name for bus in buses if len(buses) == 1 or rules & {e.target for e in graph.out(bus.id, "carries")}]
    return sorted(on)


def _operations(graph: Graph, event: type[Event]) -> Iterator[tuple[str, Json]]:
    producers = (node for node in graph.producers(event.contract.name) if node.kind != "external")
    yield from _of_functions(producers, "send", event)
    yield from _of_functions(graph.consumers(event.contract.name), "receive", event)


def _of_functions(functions: Iterable[Node], action: str, event: type[Event]) -> Iterator[tuple[str, Json]]:
    channel = f"#/channels/{_key(event)}"
    for node in functions:
        yield (
            f"{node.id.replace('/', '.')}.{action}.{_key(event)}",
            {
                "action": action,
                "title": f"{node.kind} {node.name}",
                "channel": {"$ref": channel},
                "messages": [{"$ref": f"{channel}/messages/{event.contract.detail_type}"}],
            },
        )


def _message(event: type[Event], payload: Schema) -> Json:
    return {
        "name": event.contract.detail_type,
        "title": event.__name__,
        "summary": payload["description"],
        "contentType": "application/json",
        "correlationId": {"location": "$message.payload#/metadata/correlation_id"},
        "payload": payload,
    }


def _key(event: type[Event]) -> str:
    return f"{event.contract.source}.{event.contract.detail_type}"
