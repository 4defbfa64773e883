"""Tangled logic: events and subscriptions that do not meet, or meet twice."""

from collections.abc import Iterator, Mapping
from typing import Any

from millrace.flow.findings import Finding, System, check
from millrace.flow.graph import KEEPS_UNDECLARED, Node
from millrace.flow.rules import pattern_of
from millrace.flow.satisfiable import can_match
from millrace.patterns import compile_pattern


@check("unconsumed-event", weakness="tangled logic", severity="warning")
def unconsumed_event(system: System) -> Iterator[Finding]:
    """An event is published, and nobody consumes it.

    Either a consumer is missing or misspelt, or the event is dead and still paid for. Subscribe to it, stop
    publishing it, or say that the flow ends there: class …(Event, source=…, terminal="why").
    """
    graph = system.graph
    for node in graph.of("event"):
        ends = node.event and node.event.contract.terminal
        delivered = any(_leads_on(system, graph[edge.target]) for edge in graph.out(node.id, "matches"))
        if graph.producers(node.id) and not (ends or delivered or graph.out(node.id, "takes")):
            said = ", ".join(producer.name for producer in graph.producers(node.id))
            yield Finding.at(
                node,
                f"{node.name} is published by {said}, and nothing on the bus consumes it.",
                f'Subscribe to it, or write terminal="why" in the class of {node.name}.',
            )


def _leads_on(system: System, rule: Node) -> bool:
    """Whether a rule leads to anybody: a log hears of everything, and acts on nothing; who is elsewhere may act."""
    given = rule.resource.properties.get("Targets", ()) if rule.resource else ()
    found = [system.assembly.named(target["Arn"], rule.resource) for target in given if rule.resource]
    return any(target is None or target.type != "AWS::Logs::LogGroup" for target in found)


@check("unfed-subscription", weakness="tangled logic", severity="warning")
def unfed_subscription(system: System) -> Iterator[Finding]:
    """A function waits for an event that never reaches it.

    Nobody publishes the event, or no rule leads it to the function: the code is never run, and no test that calls it
    by hand will tell. Publish it, subscribe to it, or mark an event of another system with external=True.
    """
    graph = system.graph
    for node in graph.functions:
        for name in node.consumes if node.kind != "step" else ():  # a mediator is given what its steps take
            if not graph.producers(name):
                yield Finding.at(
                    node,
                    f"{node.name} takes {_short(name)}, and nobody publishes that.",
                    f"Publish {_short(name)}, or, if a system outside does, write external=True in its class.",
                )
            elif name not in _reaching(system, node):
                yield Finding.at(
                    node,
                    f"{node.name} takes {_short(name)}, and no rule leads that to it.",
                    f"Let a rule that matches {_short(name)} deliver to {node.name}, or take it out of the signature.",
                )


@check("impossible-pattern", weakness="tangled logic")
def impossible_pattern(system: System) -> Iterator[Finding]:
    """A rule's pattern can match no event that keeps to its contract.

    A name misspelt, a field that is not there, a value that its type cannot have: the rule is deployed, and silent.
    Write the pattern after the contract's fields, below detail.data.
    """
    for node in system.graph.of("rule"):
        pattern = _pattern(node)
        meant = node.facts.get("kind") == KEEPS_UNDECLARED
        if meant or _is_of_aws(pattern) or system.graph.into(node.id, "matches"):
            continue
        yield Finding.at(
            node,
            f"No event of the project's contracts can match the pattern of {node.id}: {pattern}.",
            "Correct its source, its detail-type or its detail; millrace explain EVENT.json tells which clause fails.",
        )


@check("double-delivery", weakness="tangled logic")
def double_delivery(system: System) -> Iterator[Finding]:
    """Two rules deliver one event to one function.

    Each event is handled twice, at twice the cost, and whatever is counted is counted double. Make one rule of the
    two, or let their patterns exclude each other.
    """
    for node in system.graph.functions:
        for event, rules in _rules_by_event(system, node).items():
            pair = _overlapping(system.graph[event], rules)
            if pair:
                yield Finding.at(
                    node,
                    f"{node.name} is handed each {_short(event)} twice: by the rules {pair[0].id} and {pair[1].id}.",
                    "Take one of the two rules out, or let their patterns exclude each other.",
                )


def _overlapping(event: Node, rules: list[Node]) -> tuple[Node, Node] | None:
    """Two of the rules, or one twice, by which the same event can come."""
    for position, one in enumerate(rules):
        for other in rules[position + 1 :]:
            both = [compile_pattern(_pattern(rule)) for rule in (one, other)]
            if one == other or event.event is None or can_match(event.event, *both):
                return one, other
    return None


def _rules_by_event(system: System, node: Node) -> dict[str, list[Node]]:
    """The rules that lead to a function, by the events that they match; a rule with two ways there stands twice."""
    graph = system.graph
    found: dict[str, list[Node]] = {}
    ways = [edge.source for edge in graph.into(node.id, "delivers")]
    ways += [rule.source for feed in graph.into(node.id, "feeds") for rule in graph.into(feed.source, "delivers")]
    for rule in ways:
        for edge in graph.into(rule, "matches"):
            found.setdefault(edge.source, []).append(graph[rule])
    return found


def _reaching(system: System, node: Node) -> set[str]:
    """The events that rules lead to a function, and those that its mediator or another source hands it."""
    graph = system.graph
    handed = {edge.source for edge in graph.into(node.id, "takes")}
    other = any(graph[edge.source].kind not in ("queue", "stream", "topic") for edge in graph.into(node.id, "feeds"))
    return {*_rules_by_event(system, node), *handed, *(node.consumes if other else ())}


def _pattern(rule: Node) -> Mapping[str, Any]:
    return pattern_of(rule.resource) if rule.resource else {}


def _is_of_aws(pattern: Mapping[str, Any]) -> bool:
    return any(isinstance(source, str) and source.startswith("aws.") for source in pattern.get("source", ()))


def _short(name: str) -> str:
    return name.partition(":")[2]
