"""Builds the graph from a cloud assembly and the project's contracts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from millrace.events import Event
from millrace.flow.assembly import Assembly, Resource
from millrace.flow.graph import Edge, EdgeKind, Graph, Node
from millrace.flow.machine import Machine, failed_executions
from millrace.flow.permissions import Statement, allowed, role_of
from millrace.flow.rule_patterns import can_match, pattern_of
from millrace.flow.syntax import contract_location, handler_location
from millrace.patterns import InvalidPatternError, compile_pattern

_KINDS = {
    "AWS::Events::EventBus": "bus",
    "AWS::Events::Archive": "archive",
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::Kinesis::Stream": "stream",
    "AWS::DynamoDB::Table": "store",
    "AWS::S3::Bucket": "store",
    "AWS::StepFunctions::StateMachine": "mediator",
    "AWS::Scheduler::Schedule": "schedule",
    "AWS::Events::ApiDestination": "sink",
    "AWS::ApiGatewayV2::Api": "api",
}

_ANY = {"source": [{"prefix": ""}]}


def read_graph(assembly: Assembly, events: Iterable[type[Event]], root: Path) -> Graph:
    """The graph of all stacks. `events` are the contracts of the project, `root` is its folder."""
    return _Reader(assembly, {name_of(event): event for event in events}, root).graph()


def name_of(event: type[Event]) -> str:
    """The name of an event in the graph and in metadata: `source:detail-type`."""
    return event.contract.name


class _Reader:
    def __init__(self, assembly: Assembly, events: Mapping[str, type[Event]], root: Path) -> None:
        self._assembly = assembly
        self._events = events
        self._root = root
        self._published_on: dict[str, set[str]] = {}
        self._nodes = {node.id: node for node in self._resources()}
        self._ids = {node.resource.id: node.id for node in self._nodes.values() if node.resource}
        self._nodes |= {node.id: node for node in self._declared()}

    def graph(self) -> Graph:
        edges = [
            *self._publishing(),
            *self._rules(),
            *self._schedules(),
            *self._sources(),
            *self._failures(),
            *self._rest(),
        ]
        dead_letters = {edge.target for edge in edges if edge.kind == "fails-to"}
        nodes = [
            replace(node, kind="dead-letters")
            if node.kind == "queue" and (node.id in dead_letters or node.facts.get("kind") == "dead-letters")
            else node
            for node in self._nodes.values()
        ]
        return Graph(nodes, edges)

    # nodes

    def _resources(self) -> Iterator[Node]:
        taken: set[str] = set()
        for resource in self._assembly:
            if kind := self._kind(resource):
                known = _id(resource) if _id(resource) not in taken else resource.path
                taken.add(known)
                function = resource.facts.get("function", "") if resource.type == "AWS::Lambda::Function" else ""
                yield Node(
                    id=known,
                    kind=kind,
                    name=function or _name(resource),
                    location=handler_location(self._root, function) if function else resource.location,
                    construct_location=resource.location if function else None,
                    resource=resource,
                )

    def _kind(self, resource: Resource) -> str | None:
        if resource.type == "AWS::Lambda::Function":
            return str(resource.facts.get("kind", "other"))
        if resource.type == "AWS::Events::Rule":
            return "rule" if "EventPattern" in resource.properties else "schedule"
        return _KINDS.get(resource.type)

    def _declared(self) -> Iterator[Node]:
        """Every event of a contract or a signature, and the external systems that publish events."""
        named = [name for node in self._nodes.values() for name in [*node.consumes, *node.publishes]]
        for name in dict.fromkeys([*self._events, *named]):
            event = self._events.get(name)
            location = contract_location(self._root, event) if event else None
            yield Node(name, "event", name.partition(":")[2], location=location, event=event)
            if event and event.contract.external:
                yield Node(_external(event), "external", event.contract.source)

    # edges

    def _publishing(self) -> Iterator[Edge]:
        for node in list(self._nodes.values()):
            for name in node.publishes:
                yield Edge(node.id, name, "publishes", self._grants(node, name))
            if node.event and node.event.contract.external:
                yield Edge(_external(node.event), node.id, "publishes")

    def _grants(self, node: Node, name: str) -> tuple[str, ...]:
        """The policies that allow a function to publish an event."""
        return tuple(dict.fromkeys(statement.holder.id for statement in self._publish_statements(node, name)))

    def _publish_statements(self, node: Node, name: str) -> Iterator[Statement]:
        source, _, detail_type = name.partition(":")
        role = role_of(self._assembly, node.resource) if node.resource else None
        for statement in allowed(self._assembly, role) if role else ():
            if (
                "events:PutEvents" in statement.actions
                and source in (statement.condition_values("events:source") or [source])
                and detail_type in (statement.condition_values("events:detail-type") or [detail_type])
            ):
                yield statement

    def _buses(self, name: str) -> set[str]:
        """The buses on which functions are allowed to publish an event; empty if no function publishes it."""
        if name not in self._published_on:
            publishers = (node for node in self._nodes.values() if name in node.publishes)
            self._published_on[name] = {
                bus.id
                for node in publishers
                for statement in self._publish_statements(node, name)
                for bus in self._assembly.mentions(list(statement.resources), statement.holder)
            }
        return self._published_on[name]

    def _rules(self) -> Iterator[Edge]:
        for rule in self._assembly.of("Events::Rule"):
            bus = self._assembly.named(rule.properties.get("EventBusName"), rule)
            yield from self._join(bus, rule, "carries", rule)
            if "EventPattern" in rule.properties:
                yield from self._matches(rule)
            failing = failed_executions(self._assembly, rule)
            for target in rule.properties.get("Targets", ()):
                for machine in failing:
                    yield from self._to(machine, target["Arn"], "fails-to", rule)
                yield from self._to(rule, target["Arn"], "delivers", rule)
                yield from self._to(rule, target.get("DeadLetterConfig", {}).get("Arn"), "fails-to", rule)

    def _schedules(self) -> Iterator[Edge]:
        for schedule in self._assembly.of("Scheduler::Schedule"):
            target = schedule.properties["Target"]
            yield from self._to(schedule, target["Arn"], "delivers", schedule)
            yield from self._to(schedule, target.get("DeadLetterConfig", {}).get("Arn"), "fails-to", schedule)

    def _matches(self, rule: Resource) -> Iterator[Edge]:
        """The events on the bus of a rule that it can match; none for a pattern that AWS rejects."""
        pattern = pattern_of(rule)
        try:
            whole = compile_pattern(pattern)
        except InvalidPatternError:
            return
        names = compile_pattern({key: pattern[key] for key in ("source", "detail-type") if key in pattern} or _ANY)
        for node in self._nodes.values():
            if node.kind == "event" and self._shares_bus(node, rule):
                source, _, detail_type = node.id.partition(":")
                named = names.matches({"source": source, "detail-type": detail_type})
                if named and (node.event is None or can_match(node.event, whole)):
                    yield Edge(node.id, self._ids[rule.id], "matches", (rule.id,))

    def _shares_bus(self, event: Node, rule: Resource) -> bool:
        bus = self._assembly.named(rule.properties.get("EventBusName"), rule)
        buses = self._buses(event.id)
        return bus is None or not buses or bus.id in buses

    def _sources(self) -> Iterator[Edge]:
        for mapping in self._assembly.of("Lambda::EventSourceMapping"):
            function = self._assembly.named(mapping.properties["FunctionName"], mapping)
            source = self._assembly.named(mapping.properties.get("EventSourceArn"), mapping)
            yield from self._join(source, function, "feeds", mapping)
            yield from self._to(function, _on_failure(mapping), "fails-to", mapping)

    def _failures(self) -> Iterator[Edge]:
        for queue in self._assembly.of("SQS::Queue"):
            redrive = queue.properties.get("RedrivePolicy", {})
            yield from self._to(queue, redrive.get("deadLetterTargetArn"), "fails-to", queue)
        for config in self._assembly.of("Lambda::EventInvokeConfig"):
            function = self._assembly.named(config.properties["FunctionName"], config)
            yield from self._to(function, _on_failure(config), "fails-to", config)
        for owner in self._assembly.of("Events::EventBus", "Lambda::Function"):
            config = owner.properties.get("DeadLetterConfig", {})
            yield from self._to(owner, config.get("Arn", config.get("TargetArn")), "fails-to", owner)

    def _rest(self) -> Iterator[Edge]:
        for archive in self._assembly.of("Events::Archive"):
            bus = self._assembly.named(archive.properties["SourceArn"], archive)
            yield from self._join(bus, archive, "archives", archive)
        for route in self._assembly.of("ApiGatewayV2::Route"):
            yield from self._route(route)
        for machine in self._assembly.of("StepFunctions::StateMachine"):
            yield from self._machine(machine)
        for function in self._assembly.of("Lambda::Function"):
            yield from self._function(function)

    def _route(self, route: Resource) -> Iterator[Edge]:
        api = self._assembly.named(route.properties["ApiId"], route)
        integration = self._assembly.named(route.properties.get("Target"), route)
        uri = integration.properties.get("IntegrationUri") if integration else None
        function = self._assembly.named(uri, integration) if uri and integration else None
        yield from self._join(api, function, "invokes", route, str(route.properties.get("RouteKey", "")))

    def _machine(self, resource: Resource) -> Iterator[Edge]:
        machine = Machine(self._assembly, resource)
        functions = {t.state: t.calls for t in machine.tasks() if t.calls.type == "AWS::Lambda::Function"}
        for task in machine.tasks():
            yield from self._join(resource, task.calls, machine.meaning(task), resource)
        for step in machine.transitions():
            source, target = functions.get(step.source), functions.get(step.target)
            if source != target:  # a step with a callback is called twice
                yield from self._join(source, target, step.kind, resource, step.label)
        for function in dict.fromkeys(functions.values()):
            node = self._nodes[self._ids[function.id]]
            for name in node.consumes:
                yield Edge(name, node.id, "takes", (resource.id,))
            for ingress in self._callback_ingress(resource) if node.awaits else ():
                yield from self._join(ingress, function, "answers", resource)

    def _callback_ingress(self, machine: Resource) -> Iterator[Resource]:
        """The functions that are allowed to complete a state machine's tasks."""
        for function in self._assembly.of("Lambda::Function"):
            role = role_of(self._assembly, function)
            for statement in allowed(self._assembly, role) if role else ():
                named = self._assembly.mentions(list(statement.resources), statement.holder)
                if "states:SendTaskSuccess" in statement.actions and machine in named:
                    yield function

    def _function(self, function: Resource) -> Iterator[Edge]:
        variables = function.properties.get("Environment", {}).get("Variables", {})
        for variable, value in variables.items():
            used = self._assembly.named(value, function) if isinstance(value, dict) else None
            if used and used.type == "AWS::StepFunctions::StateMachine":
                yield from self._join(function, used, "starts", function)
            elif used and _KINDS.get(used.type) == "store":
                appended = function.facts.get("appends") and variable.startswith("MILLRACE_STORE_")
                yield from self._join(function, used, "appends" if appended else "uses", function)

    def _to(self, source: Resource | None, value: Any, kind: EdgeKind, by: Resource) -> Iterator[Edge]:
        yield from self._join(source, self._assembly.named(value, by) if value else None, kind, by)

    def _join(
        self, source: Resource | None, target: Resource | None, kind: EdgeKind, by: Resource, label: str = ""
    ) -> Iterator[Edge]:
        """An edge, if both ends are nodes. Resources of other accounts are none."""
        if source and target and source.id in self._ids and target.id in self._ids:
            yield Edge(self._ids[source.id], self._ids[target.id], kind, (by.id,), label)


def _id(resource: Resource) -> str:
    """The path of the construct that the user wrote, without the parts that Millrace and CDK add."""
    inner = {"AWS::Lambda::Function": "Function", "AWS::StepFunctions::StateMachine": "Machine"}
    last = inner.get(resource.type, "Bus" if resource.type == "AWS::Events::EventBus" else None)
    path = resource.path
    while last and path.endswith(f"/{last}") and path.count("/") > 1:
        path = path.removesuffix(f"/{last}")
    return path


def _on_failure(config: Resource) -> Any:
    return config.properties.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")


def _external(event: type[Event]) -> str:
    return f"external:{event.contract.source}"


def _name(resource: Resource) -> str:
    """The name of a bus, or the last part of a construct's path."""
    named = resource.properties.get("Name")
    if resource.type == "AWS::Events::EventBus" and isinstance(named, str):
        return named
    return _id(resource).rpartition("/")[2]
