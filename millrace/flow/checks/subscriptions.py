"""Tangled logic: events without consumers, subscriptions without events, and events that arrive twice."""

from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import Any

from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import UNDECLARED_RULE, Node
from millrace.flow.rule_patterns import can_match, pattern_of
from millrace.patterns import compile_pattern


@check("unconsumed-event", weakness="tangled logic", severity="warning")
def unconsumed_event(system: System) -> Iterator[Finding]:
    """An event is published, but nothing consumes it.

    A consumer is missing or misspelt, or the event causes costs without a use. Subscribe to it, stop publishing it, or
    declare that the flow ends there: class …(Event, source=…, terminal="why").
    """
    graph = system.graph
    for node in graph.of("event"):
        terminal = node.event and node.event.contract.terminal
        delivered = any(_has_consumer(system, graph[edge.target]) for edge in graph.out(node.id, "matches"))
        if graph.producers(node.id) and not (terminal or delivered or graph.out(node.id, "takes")):
            producers = ", ".join(producer.name for producer in graph.producers(node.id))
            yield Finding.at(
                node,
                f"{producers} publishes {node.name}, but nothing on the bus consumes it.",
                f'Subscribe to it, or write terminal="why" in the class of {node.name}.',
            )


def _has_consumer(system: System, rule: Node) -> bool:
    """Whether a rule has a target besides log groups. A target outside the assembly counts as a consumer."""
    resource = rule.resource
    targets = resource.properties.get("Targets", ()) if resource else ()
    found = [system.assembly.named(target["Arn"], resource) for target in targets if resource]
    return any(target is None or target.type != "AWS::Logs::LogGroup" for target in found)


@check("unfed-subscription", weakness="tangled logic", severity="warning")
def unfed_subscription(system: System) -> Iterator[Finding]:
    """A function consumes an event that never reaches it.

    Nothing publishes the event, or no rule delivers it to the function. The code never runs, and a test that calls the
    handler does not show it. Publish the event, subscribe to it, or declare an event of another system with
    external=True.
    """
    graph = system.graph
    for node in graph.functions:
        for name in node.consumes if node.kind != "step" else ():  # the mediator passes events to its steps
            if not graph.producers(name):
                yield Finding.at(
                    node,
                    f"{node.name} consumes {_short(name)}, but nothing publishes it.",
                    f"Publish {_short(name)}; if an external system publishes it, write external=True in its class.",
                )
            elif name not in _delivered(system, node):
                yield Finding.at(
                    node,
                    f"{node.name} consumes {_short(name)}, but no rule delivers it.",
                    f"Add a rule from {_short(name)} to {node.name}, or remove the event from the signature.",
                )


@check("impossible-pattern", weakness="tangled logic")
def impossible_pattern(system: System) -> Iterator[Finding]:
    """The pattern of a rule cannot match any valid event.

    A name is misspelt, a field does not exist, or its type does not allow a value. The rule is deployed but never
    matches. Write the pattern according to the fields of the contract, below detail.data.
    """
    for node in system.graph.of("rule"):
        pattern = _pattern(node)
        if node.facts.get("kind") == UNDECLARED_RULE or _is_of_aws(pattern) or system.graph.into(node.id, "matches"):
            continue
        yield Finding.at(
            node,
            f"No valid event of the project can match the pattern of {node.id}: {pattern}.",
            "Correct its source, detail-type or detail. millrace explain EVENT.json shows the clause that fails.",
        )


@check("double-delivery", weakness="tangled logic")
def double_delivery(system: System) -> Iterator[Finding]:
    """Two rules deliver the same event to the same function, or to two functions of the same handler.

    The handler runs twice for each event, which doubles costs and counts. Combine the two rules, make their patterns
    exclude each other, or create one construct for each handler.
    """
    for node in system.graph.functions:
        for event, rules in _rules_by_event(system, node).items():
            pair = _overlapping(system.graph[event], rules)
            if pair:
                yield Finding.at(
                    node,
                    f"{node.name} receives each {_short(event)} twice: from the rules {pair[0].id} and {pair[1].id}.",
                    "Remove one of the two rules, or make their patterns exclude each other.",
                )
    for one, other in _twins(system):
        for event in sorted(_of_both(system, one, other)):
            yield Finding.at(
                other,
                f"{one.id} and {other.id} run the same handler, {one.name}, for each {_short(event)}.",
                f"Remove one of the two, or move the second handler to a folder of its own: functions/{one.name}_….",
            )


def _twins(system: System) -> Iterator[tuple[Node, Node]]:
    """Pairs of functions with the same handler."""
    declared = [node for node in system.graph.functions if node.consumes and node.kind != "step"]
    for one, other in combinations(declared, 2):
        if one.name == other.name:
            yield one, other


def _of_both(system: System, one: Node, other: Node) -> set[str]:
    """The events that rules of the same bus deliver to both functions."""
    graph, first, second = system.graph, _rules_by_event(system, one), _rules_by_event(system, other)

    def buses(rule: Node) -> set[str]:
        return {edge.source for edge in graph.into(rule.id, "carries")}

    return {
        event
        for event in first.keys() & second.keys()
        for rule, twin in product(first[event], second[event])
        if buses(rule) & buses(twin) and _overlapping(graph[event], [rule, twin])
    }


def _overlapping(event: Node, rules: list[Node]) -> tuple[Node, Node] | None:
    """Two of the rules, or the same rule twice, that can match the same event."""
    for position, one in enumerate(rules):
        for other in rules[position + 1 :]:
            both = [compile_pattern(_pattern(rule)) for rule in (one, other)]
            if one == other or event.event is None or can_match(event.event, *both):
                return one, other
    return None


def _rules_by_event(system: System, node: Node) -> dict[str, list[Node]]:
    """The rules that deliver to a function, by event. A rule with two paths to the function is listed twice."""
    graph = system.graph
    found: dict[str, list[Node]] = {}
    rules = [edge.source for edge in graph.into(node.id, "delivers")]
    rules += [rule.source for feed in graph.into(node.id, "feeds") for rule in graph.into(feed.source, "delivers")]
    for rule in rules:
        for edge in graph.into(rule, "matches"):
            found.setdefault(edge.source, []).append(graph[rule])
    return found


def _delivered(system: System, node: Node) -> set[str]:
    """The events that a function receives from rules, from its mediator or from another event source."""
    graph = system.graph
    passed = {edge.source for edge in graph.into(node.id, "takes")}
    other = any(graph[edge.source].kind not in ("queue", "stream", "topic") for edge in graph.into(node.id, "feeds"))
    return {*_rules_by_event(system, node), *passed, *(node.consumes if other else ())}


def _pattern(rule: Node) -> Mapping[str, Any]:
    return pattern_of(rule.resource) if rule.resource else {}


def _is_of_aws(pattern: Mapping[str, Any]) -> bool:
    return any(isinstance(source, str) and source.startswith("aws.") for source in pattern.get("source", ()))


def _short(name: str) -> str:
    return name.partition(":")[2]
